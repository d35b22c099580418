// SPDX-License-Identifier: MIT
// Take away: everything as files that work without the studio.
import { Part, el, heading, redraw } from "./dom.js";
import { icon } from "./icons.js";
import { store } from "./store.js";
import { clock, percent, plural } from "./words.js";

const PARTS = {
  zip: ["Model directory", "for galago flash, classify, evaluate"],
  tflite: ["model.tflite", "int8, for any TensorFlow Lite runtime"],
  web: ["Web page", "one file: camera and photos, offline"],
  kmodel: ["kmodel", "for the K210, simulated only"],
  recipe: ["Recipe", "repeats the training: galago train recipe.toml"],
};

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

  model({ id, name, accuracy, kB, architecture, alpha, size, made, quick }) {
    const rows = Object.entries(PARTS).map(([what, [title, text]]) =>
      el(
        "li",
        { class: "row" },
        el("div", {}, el("h3", {}, title), el("small", { class: "soft" }, text)),
        el(
          "a",
          {
            class: "button",
            href: `/api/models/${id}/download?what=${what}`,
            download: true,
            "aria-label": `Download ${title} of ${name}`,
          },
          icon("take"),
          "Download",
        ),
      ),
    );
    return el(
      "section",
      { class: "card" },
      el(
        "div",
        {},
        el("h2", {}, name),
        el(
          "p",
          { class: "soft" },
          `${percent(accuracy)} correct, ${Math.round(kB)} kB, ${architecture} × ${alpha}, ${size} × ${size} pixels${quick ? ", quick" : ""}, ${clock(made)}`,
        ),
      ),
      el("ul", { class: "list" }, rows),
    );
  }
}

customElements.define("studio-take", Take);
