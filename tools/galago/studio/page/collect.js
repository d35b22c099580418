// SPDX-License-Identifier: MIT
// Collect: classes as columns, and all ways in which photos come into them.
import { post } from "./api.js";
import { Part, button, el, emptyState, heading, redraw } from "./dom.js";
import { attempt, dialog, note, undo } from "./notes.js";
import { linkPhone } from "./phone_link.js";
import { store } from "./store.js";
import { addFiles } from "./upload.js";
import { plural } from "./words.js";
import "./class_column.js";
import "./selection.js";

class Collect extends Part {
  show() {
    this.board = el("div", { class: "board" });
    this.head = el("div");
    this.examined = el("p", { class: "soft number", hidden: true });
    this.replaceChildren(this.head, this.examined, this.board, document.createElement("selection-bar"));
    this.follow("project", () => this.draw());
    this.follow("examining", ({ done, total }) => this.tellExamined(done, total));
    this.on(window, "paste", (event) => this.paste(event));
    this.addEventListener("enlarge", ({ detail }) => this.enlarge(detail));
    this.addEventListener(
      "focusin",
      ({ target }) => (this.last = target.closest("class-column")?.classId ?? this.last),
    );
    this.draw();
  }

  draw() {
    const { classes, undo: last } = store.project;
    const actions = classes.length ? this.actions(last) : [];
    redraw(this.head, heading("Collect", this.advice(), ...actions));
    if (!classes.length) {
      redraw(
        this.board,
        emptyState(
          "collect",
          "What should the board recognize?",
          "Add one class for each thing, and one for the background: what the camera sees when none of them is there.",
          this.adder("Name of the first class"),
        ),
      );
      return;
    }
    const columns = new Map([...this.board.querySelectorAll("class-column")].map((column) => [column.classId, column]));
    const wanted = classes.map((each) => {
      const column = columns.get(each.id) ?? document.createElement("class-column");
      column.class = each;
      return column;
    });
    const shown = [...this.board.children];
    const add =
      this.board.querySelector(".add-class") ?? el("section", { class: "add-class" }, this.adder("Add a class"));
    // Columns that stay are not moved: that would end a recording and lose the place in the photos.
    for (const child of shown) if (child !== add && !wanted.includes(child)) child.remove();
    [...wanted, add].forEach(
      (child, at) =>
        this.board.children[at] !== child && this.board.insertBefore(child, this.board.children[at] ?? null),
    );
  }

  actions(last) {
    const back = button("Undo", "undo", undo, {
      disabled: !last,
      title: last ? `Take back: ${last}` : "Nothing to take back",
    });
    return [
      button("Phone", "phone", () => linkPhone()),
      back,
      el("a", { class: "button main", href: "#train" }, "Train"),
    ];
  }

  /** Marks come a while after the photos: says how far that is. */
  tellExamined(done, total) {
    const text = done < total ? `Looking for duplicates and blurred photos: ${done} of ${plural(total, "photo")}.` : "";
    this.examined.textContent = text;
    this.examined.hidden = !text;
  }

  advice() {
    const { classes } = store.project;
    const least = [...classes].sort((a, b) => a.photos - b.photos)[0];
    if (!classes.length) return "Photos stay files on this computer, in one folder for each class.";
    if (classes.length === 1) return "A model tells things apart, so add a second class.";
    if (least.photos < 20)
      return `${least.name} has ${plural(least.photos, "photo")}. Twenty per class is a start; fifty or more, in different places and light, make a good model.`;
    return "Some photos are set aside automatically, so that the model is tested on photos it has never seen.";
  }

  adder(label) {
    const name = el("input", { type: "text", "aria-label": label, placeholder: label, maxlength: 80 });
    const make = async () => {
      const text = name.value.trim();
      if (!text) return name.focus();
      if ((await attempt(() => post("/api/classes", { name: text }))) === undefined) return;
      name.value = "";
      await store.refresh();
      this.querySelector(".add-class input")?.focus();
    };
    name.onkeydown = (event) => event.key === "Enter" && make();
    return el("div", { class: "adder" }, name, button("Add class", "plus", make, { text: false, kind: "add" }));
  }

  paste(event) {
    const files = [...event.clipboardData.files];
    if (!files.length) return;
    const { classes } = store.project;
    const target = classes.find(({ id }) => id === this.last) ?? classes[0];
    if (!target) return note("Add a class first, then paste photos into it.", { kind: "bad" });
    event.preventDefault();
    addFiles(target.id, files, "file");
    note(`Pasted into ${target.name}.`);
  }

  enlarge(photo) {
    const words = {
      duplicate:
        "A near-duplicate of another photo: it adds little. Near-duplicates are never split between training and testing.",
      blurred: "Blurred: keep it only if the board will see blurred pictures too.",
      broken: "The file is damaged: training leaves it out.",
    };
    const lines = [
      ...photo.marks.map((mark) => words[mark] ?? mark),
      photo.held_out && "Set aside for testing: the model is never trained on it.",
    ].filter(Boolean);
    dialog(
      "Photo",
      () => [
        el("img", { class: "large", src: `/api/photos/${photo.id}?size=full`, alt: "The photo" }),
        ...lines.map((line) => el("p", { class: "soft" }, line)),
      ],
      { kind: "wide" },
    );
  }
}

customElements.define("studio-collect", Collect);
