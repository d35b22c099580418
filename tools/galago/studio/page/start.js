// SPDX-License-Identifier: MIT
// Start: from an example, from a folder of photos, from a project's zip, or from nothing.
import { openProject, post, send } from "./api.js";
import { Part, button, el, heading, redraw } from "./dom.js";
import { icon } from "./icons.js";
import { attempt, note } from "./notes.js";
import { store } from "./store.js";
import { addFiles } from "./upload.js";
import { plural } from "./words.js";

const PICTURES = /\.(jpe?g|png|webp|bmp|gif|heic|ppm|pgm|tiff?)$/i;

/** Returns a file input behind a label that looks like a button. */
function chooser(label, name, onfiles, attributes = {}) {
  const id = `file-${name}`;
  const input = el("input", {
    type: "file",
    id,
    class: "hidden",
    ...attributes,
    onchange: () => onfiles([...input.files]),
  });
  return el("span", {}, input, el("label", { class: "button", for: id }, icon(name), label));
}

/** Makes a class of each sub-folder of a chosen folder, and adds its photos. */
async function takeFolder(files) {
  const folders = Map.groupBy(
    files.filter((file) => PICTURES.test(file.name)),
    (file) => file.webkitRelativePath.split("/").at(-2),
  );
  const [top] = files[0]?.webkitRelativePath.split("/") ?? [];
  folders.delete(top); // photos beside the sub-folders have no class
  if (!folders.size) return note("Choose a folder with one sub-folder of photos per class.", { kind: "bad" });
  for (const [name, photos] of folders) {
    const known = store.project.classes.find((each) => each.name === name);
    const { id } = known ?? (await send("POST", "/api/classes", { name }));
    addFiles(id, photos, "file");
  }
  location.hash = "collect";
}

class Start extends Part {
  show() {
    this.follow("project", () => this.draw());
    this.draw();
  }

  draw() {
    const { classes, examples, name } = store.project;
    const begun = classes.length > 0;
    const rest =
      begun &&
      el(
        "section",
        { class: "card lead" },
        el("h2", {}, name),
        el(
          "p",
          { class: "soft" },
          `${plural(classes.length, "class")}, ${plural(store.photos, "photo")}, ${plural(store.project.models.length, "model")}.`,
        ),
        el("div", { class: "buttons" }, el("a", { class: "button main", href: "#collect" }, "Continue")),
      );
    const head = heading(
      "Teach a board to see",
      "Show it a few dozen photos of each thing. Everything stays on this computer: no account, no cloud, no network needed.",
    );
    redraw(this, head, rest, el("div", { class: "columns" }, this.own(), this.examples(examples)));
  }

  own() {
    const nothing = button("Start from scratch", "plus", () => (location.hash = "collect"), { kind: "main" });
    const folder = chooser("Folder of photos", "folder", (files) => attempt(() => takeFolder(files)), {
      webkitdirectory: true,
    });
    const zip = chooser("Project zip", "file", ([file]) => attempt(() => this.open(file)), { accept: ".zip" });
    return el(
      "section",
      { class: "card" },
      el("h2", {}, "Your own things"),
      el(
        "p",
        { class: "soft" },
        "Take photos with the webcam, a phone or a board’s camera, or choose a folder with one sub-folder per class.",
      ),
      el("div", { class: "buttons" }, nothing, folder, zip),
    );
  }

  examples(examples) {
    const rows = examples.map(({ id, title, text, photos }) => {
      const take = button("Use", null, () => attempt(() => this.example(id)), { "aria-label": `Use ${title}` });
      return el(
        "li",
        { class: "row" },
        el(
          "div",
          {},
          el("h3", {}, title),
          el("p", { class: "soft" }, `${text}${photos ? `: ${plural(photos, "photo")}` : ""}.`),
        ),
        take,
      );
    });
    return el(
      "section",
      { class: "card" },
      el("h2", {}, "Examples"),
      el("p", { class: "soft" }, "See the whole workflow first: photos, model, board."),
      rows.length ? el("ul", { class: "list" }, rows) : el("p", {}, "No example photos are on this computer."),
    );
  }

  async example(id) {
    await post(`/api/examples/${id}`);
    location.hash = "collect";
  }

  async open(file) {
    await openProject(file);
    await store.refresh();
    location.hash = "collect";
  }
}

customElements.define("studio-start", Start);
