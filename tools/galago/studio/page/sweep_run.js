// SPDX-License-Identifier: MIT
// A search as it goes: trials, the best so far, time left; its models, each of which can be taken, and their picture.
import { get, post } from "./api.js";
import { button, el, fitFrame } from "./dom.js";
import { icon } from "./icons.js";
import { attempt } from "./notes.js";
import { store } from "./store.js";
import { TrainingRun } from "./training_run.js";
import { bytes, milliseconds, percent } from "./words.js";

const TITLES = ["Model", "Yours", "Correct", "Time", "Memory"];

class SweepRun extends TrainingRun {
  get nothing() {
    return ["No search yet", "Models, a picture of accuracy over time, and a recommendation appear here."];
  }

  show() {
    this.found = null;
    this.picture = el("div");
    super.show();
    this.curves.replaceWith(this.picture);
    this.follow(["project", "job"], () => this.draw());
  }

  async read() {
    this.found = null;
    this.picture.replaceChildren();
    await super.read();
    await this.load();
  }

  async take(line) {
    await super.take(line);
    await this.load();
  }

  /** Reads what the search has found; the picture is another one when there is another model. */
  async load() {
    const { known } = this;
    const found = known && (await get(`/api/sweeps/${known.id}`).catch(() => null));
    if (!found || known.id !== this.known?.id) return;
    const another = found.trials.length !== this.found?.trials.length;
    this.found = found;
    this.draw();
    if (another) this.drawPicture();
  }

  drawCurves() {} // each trial has its own, in the report of its model

  drawPicture() {
    if (!this.found.trials.length) return this.picture.replaceChildren();
    const src = `/api/sweeps/${this.known.id}/picture`;
    const frame = el("iframe", { title: "All models: accuracy over time and memory", src, class: "try" });
    frame.onload = () => fitFrame(frame, this.leaving.signal);
    return this.picture.replaceChildren(frame);
  }

  controls(job) {
    return el("div", { class: "buttons" }, this.control(job, "Stop", "stop", "stop"));
  }

  outcome() {
    const { found } = this;
    if (!found?.trials.length) return [];
    const front = found.trials.filter((trial) => trial.front);
    const head = TITLES.map((title) => el("th", { scope: "col" }, title));
    return [
      el("p", { class: "verdict" }, icon("check"), el("span", {}, found.advice)),
      el(
        "div",
        { class: "scroll", tabindex: 0, role: "region", "aria-label": "The best models" },
        el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, front.map((trial) => this.row(trial)))),
      ),
    ];
  }

  row(trial) {
    const { name, recommended, accuracy, ms, heap } = trial;
    const cells = [percent(accuracy, 1), milliseconds(ms), bytes(heap)];
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, recommended ? [el("b", {}, name), el("small", {}, "recommended")] : name),
      el("td", {}, this.taken(trial)),
      cells.map((text) => el("td", { class: "number" }, text)),
    );
  }

  /** The model once it was taken, else the button for it. */
  taken({ name, model }) {
    const mine = store.project.models.find(({ id }) => id === model);
    if (mine) return el("a", { class: "button", href: `#try/${model}`, "aria-label": `Try ${name}` }, "Try it");
    if (store.work.some((job) => job.kind === "take" && job.model === model)) return "is being taken";
    const wish = { kind: "take", sweep: this.known.id, trial: name };
    return button("Take", null, () => attempt(() => post("/api/jobs", wish)), { "aria-label": `Take ${name}` });
  }
}

customElements.define("sweep-run", SweepRun);
