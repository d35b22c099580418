// SPDX-License-Identifier: MIT
// Take away: everything as files that work without the studio.
import { save, send } from "./api.js";
import { Part, button, el, heading, redraw } from "./dom.js";
import { icon } from "./icons.js";
import { attempt, dialog } from "./notes.js";
import { store } from "./store.js";
import { clock, percent, plural } from "./words.js";

const PARTS = {
  zip: ["Model directory", "for galago flash, classify, evaluate", "zip"],
  tflite: ["model.tflite", "int8, for any TensorFlow Lite runtime", "tflite"],
  web: ["Web page", "one file: camera and photos, offline", "html"],
  report: ["Report", "one file: accuracy, mistakes, boards", "html"],
  kmodel: ["kmodel", "for the K210, simulated only", "kmodel"],
  recipe: ["Recipe", "trains again on the project’s photos: galago train recipe.toml", "toml"],
};
const NOT_ALWAYS = ["report", "recipe"];

class Take extends Part {
  show() {
    this.follow(["project", "model"], () => this.draw());
    this.draw();
  }

  draw() {
    const { name, folder, models } = store.project;
    const project = el(
      "section",
      { class: "card" },
      el("h2", {}, "The whole project"),
      el(
        "p",
        { class: "soft" },
        `${plural(store.photos, "photo")}, ${plural(models.length, "model")} and the test split in one zip, which any studio can open. The photos are plain files, one folder for each class${folder ? `, in ${folder}` : ""}.`,
      ),
      el(
        "div",
        { class: "buttons" },
        el("a", { class: "button main", href: "/api/download", download: `${name}.zip` }, icon("take"), "Project zip"),
      ),
    );
    const none = !models.length && el("p", { class: "soft" }, "Trained models appear here.");
    redraw(
      this,
      heading("Take away", "Nothing is locked in: everything works without the studio."),
      project,
      models.map((model) => this.model(model)),
      none,
    );
  }

  part(what, { id, name }) {
    const [title, text, suffix] = PARTS[what];
    const path = `/api/models/${id}/download?what=${what}`;
    const take = () => attempt(() => save(path, `${name}.${suffix}`));
    return el(
      "li",
      { class: "row" },
      el("div", {}, el("h3", {}, title), el("small", { class: "soft" }, text)),
      button("Download", "take", take, { "aria-label": `Download ${title} of ${name}`, "data-path": path }),
    );
  }

  /** Deletes a model for good, after a question. */
  remove({ id, name }) {
    return dialog(`Delete ${name}?`, (box) => {
      const yes = async () => {
        box.close();
        await attempt(() => send("DELETE", `/api/models/${id}`));
      };
      return [
        el("p", {}, "The model and its answers are deleted for good. Photos stay, and so does what is on boards."),
        el(
          "div",
          { class: "buttons end" },
          button("Keep", null, () => box.close()),
          button("Delete", "delete", yes, { kind: "danger" }),
        ),
      ];
    });
  }

  model(model) {
    const { id, name, accuracy, kB, architecture, alpha, size, made, quick, has } = model;
    const rows = Object.keys(PARTS)
      .filter((what) => has.includes(what) || !NOT_ALWAYS.includes(what))
      .map((what) => this.part(what, model));
    return el(
      "section",
      { class: "card" },
      el(
        "header",
        { class: "row" },
        el("h2", {}, name),
        button(`Delete ${name}`, "delete", () => this.remove(model), { text: false, "data-model": id }),
      ),
      el(
        "p",
        { class: "soft" },
        `${percent(accuracy)} correct, ${Math.round(kB)} kB, ${architecture} × ${alpha}, ${size} × ${size} pixels${quick ? ", quick" : ""}, ${clock(made)}`,
      ),
      el("ul", { class: "list" }, rows),
    );
  }
}

customElements.define("studio-take", Take);
