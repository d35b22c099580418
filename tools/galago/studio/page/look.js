// SPDX-License-Identifier: MIT
// Look: what the model gets wrong, at any threshold, and against another model.
import { get } from "./api.js";
import { figures } from "./charts.js";
import { Confusion } from "./confusion.js";
import { Part, button, el, heading } from "./dom.js";
import { icon } from "./icons.js";
import { chosenModel, modelOfPage, modelSelect, noModel } from "./model_choice.js";
import { attempt, dialog } from "./notes.js";
import { store } from "./store.js";
import { percent, plural } from "./words.js";
import "./measure.js";

const MOST_PHOTOS = 60;

class Look extends Part {
  show() {
    this.follow("model", () => this.open());
    this.open();
  }

  async open() {
    const model = chosenModel();
    const head = heading(
      "Look",
      "How the model answers for the photos that were set aside for testing.",
      model && modelOfPage("look"),
    );
    if (!model)
      return this.replaceChildren(
        head,
        noModel("Once a model is trained, its answers for photos it has never seen appear here."),
      );
    this.replaceChildren(head, el("p", { class: "soft", role: "status" }, "Reading the model’s answers …"));
    const answers = await attempt(() => get(`/api/models/${model.id}/answers`));
    if (!answers || !this.isConnected) return this.replaceChildren(head);
    this.model = model;
    this.confusion = new Confusion(answers);
    this.chosen = this.confusion.worst();
    this.tiles = el("div", { class: "tiles", role: "status" });
    this.matrix = el("div", { class: "scroll" });
    this.photos = el("section", { class: "card" });
    const measured =
      model.held_out === false &&
      el(
        "p",
        { class: "verdict warn" },
        icon("warning"),
        "There were too few photos to set some aside: these are the photos that it was trained on.",
      );
    const cells = el(
      "section",
      { class: "card" },
      el("h2", {}, "What is mistaken for what"),
      el(
        "p",
        { class: "soft" },
        "Rows are the true classes, columns the model’s answers. Select a cell to see its photos.",
      ),
      this.matrix,
    );
    this.replaceChildren(
      head,
      ...(measured ? [measured] : []),
      el("section", { class: "card" }, this.tiles, this.threshold()),
      el("div", { class: "columns" }, cells, this.photos),
      this.measure(model),
      this.deeper(),
    );
    return this.draw();
  }

  measure({ id }) {
    const made = document.createElement("measure-again");
    made.modelId = id;
    return made;
  }

  threshold() {
    const { confusion } = this;
    const output = el("output");
    const range = el("input", {
      type: "range",
      min: 0,
      max: 99,
      step: 1,
      value: Math.round(100 * confusion.threshold),
      "aria-label": "Threshold",
    });
    range.oninput = () => {
      confusion.threshold = range.value / 100;
      output.textContent = percent(confusion.threshold);
      this.draw();
    };
    output.textContent = percent(confusion.threshold);
    return el("label", { class: "field" }, el("span", {}, "Answer “unknown” below this confidence", output), range);
  }

  draw() {
    const { confusion } = this;
    const { answered, right, photos, float, same } = confusion.shares();
    const tile = (value, title) => el("div", { class: "tile" }, el("b", {}, value), el("small", {}, title));
    const compared =
      float === null
        ? []
        : [
            tile(percent(float), "correct before quantization (float)"),
            tile(percent(same), "same answer in float and int8"),
          ];
    this.tiles.replaceChildren(
      tile(percent(answered), `answered, of ${plural(photos, "photo")}`),
      tile(percent(right), "of the answers correct"),
      ...compared,
    );
    this.matrix.replaceChildren(confusion.table((row, column) => this.choose(row, column), this.chosen));
    this.drawPhotos();
  }

  choose(row, column) {
    this.chosen = [row, column];
    this.draw();
    this.matrix.querySelector("[aria-pressed=true]")?.focus();
  }

  drawPhotos() {
    const { labels } = this.confusion;
    if (!this.chosen)
      return this.photos.replaceChildren(
        el("h2", {}, "No mistakes"),
        el("p", { class: "soft" }, "Every answer at this threshold is correct. Select a cell to see its photos."),
      );
    const [row, column] = this.chosen;
    const found = this.confusion.cell(row, column);
    const said = column === labels.length ? "unknown" : labels[column];
    const title = row === column ? `${labels[row]}, recognized` : `${labels[row]}, answered “${said}”`;
    const figures = found.slice(0, MOST_PHOTOS).map(({ id, confidence, float_said: float }) => {
      const caption = `${percent(confidence)}${!Number.isInteger(float) || float === column || column === labels.length ? "" : `, in float ${labels[float]}`}`;
      return el(
        "button",
        {
          type: "button",
          class: "photo",
          disabled: !id,
          onclick: () => this.enlarge(id, title),
          "aria-label": `${title}, ${caption}`,
        },
        id ? el("img", { src: `/api/photos/${id}?size=thumb`, alt: "", loading: "lazy" }) : icon("collect"),
        el("small", {}, caption),
      );
    });
    return this.photos.replaceChildren(
      el("h2", {}, title),
      el("p", { class: "soft" }, found.length ? plural(found.length, "photo") : "No photo at this threshold."),
      el("div", { class: "photos" }, figures),
    );
  }

  enlarge(id, title) {
    dialog(title, () => el("img", { class: "large", src: `/api/photos/${id}?size=full`, alt: title }), {
      kind: "wide",
    });
  }

  deeper() {
    const { model } = this;
    const other = el("div");
    const pick = modelSelect(
      "Compare with",
      null,
      (id) => attempt(async () => other.replaceChildren(...(id ? [await this.compared(id)] : []))),
      "no other model",
    );
    const curves = el("div", { class: "columns curves" });
    const report = button("Curves and confidence", "train", () =>
      attempt(async () => {
        const { charts } = await get(`/api/models/${model.id}/report`);
        curves.replaceChildren(...figures(charts));
      }),
    );
    return el(
      "section",
      { class: "card" },
      el("h2", {}, "More"),
      el(
        "div",
        { class: "buttons" },
        el("a", { class: "button", href: `#try/${model.id}` }, icon("look"), "Look inside, layer by layer"),
        report,
      ),
      store.project.models.length > 1 && pick,
      other,
      curves,
    );
  }

  async compared(id) {
    const other = store.model(id);
    const confusion = new Confusion(await get(`/api/models/${id}/answers`));
    const both = [this.confusion, confusion].map((each) => each.shares());
    const rows = [
      ["correct answers", ...both.map(({ right }) => percent(right, 1))],
      ["answered", ...both.map(({ answered }) => percent(answered, 1))],
      ["test photos", ...both.map(({ photos }) => photos)],
      ["model file", `${Math.round(this.model.kB)} kB`, `${Math.round(other.kB)} kB`],
      ["network", ...[this.model, other].map((each) => `${each.architecture} × ${each.alpha}, ${each.size} pixels`)],
      ...this.confusion.labels.map((label) => [
        `${label} recognized`,
        ...[this.confusion, confusion].map((each) => percent(each.recall(label))),
      ]),
    ];
    return el(
      "div",
      { class: "scroll" },
      el(
        "table",
        {},
        el(
          "thead",
          {},
          el("tr", {}, el("td"), el("th", { scope: "col" }, this.model.name), el("th", { scope: "col" }, other.name)),
        ),
        el(
          "tbody",
          {},
          rows.map(([name, ...values]) =>
            el(
              "tr",
              {},
              el("th", { scope: "row" }, name),
              values.map((value) => el("td", { class: "number" }, String(value))),
            ),
          ),
        ),
      ),
    );
  }
}

customElements.define("studio-look", Look);
