// SPDX-License-Identifier: MIT
// The chosen photos of all classes, and what can be done with them: move, delete.
import { post } from "./api.js";
import { Part, button, el } from "./dom.js";
import { attempt, undoable } from "./notes.js";
import { store } from "./store.js";
import { plural } from "./words.js";

class Selection extends EventTarget {
  ids = new Set();

  has(id) {
    return this.ids.has(id);
  }

  toggle(id) {
    if (!this.ids.delete(id)) this.ids.add(id);
    this.dispatchEvent(new Event("change"));
  }

  add(ids) {
    for (const id of ids) this.ids.add(id);
    this.dispatchEvent(new Event("change"));
  }

  clear() {
    this.ids.clear();
    this.dispatchEvent(new Event("change"));
  }

  async remove() {
    const ids = [...this.ids];
    if (!ids.length) return;
    await this.apply(() => post("/api/photos/delete", { ids }), `${plural(ids.length, "photo")} deleted.`);
  }

  async move(id) {
    const ids = [...this.ids];
    const { name } = store.project.classes.find((each) => each.id === id);
    await this.apply(
      () => post("/api/photos/move", { ids, class: id }),
      `${plural(ids.length, "photo")} moved to ${name}.`,
    );
  }

  async apply(action, text) {
    if ((await attempt(action)) === undefined) return;
    this.clear();
    undoable(text);
  }
}

export const selection = new Selection();

/** The bar at the bottom of the page while photos are chosen. */
class SelectionBar extends Part {
  show() {
    this.className = "selection";
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", "Selected photos");
    this.on(selection, "change", () => this.draw());
    this.draw();
  }

  draw() {
    const count = selection.ids.size;
    this.hidden = !count;
    if (!count) return;
    const move = el(
      "select",
      { "aria-label": "Move to", onchange: () => selection.move(move.value) },
      el("option", { value: "" }, "Move to …"),
      store.project.classes.map(({ id, name }) => el("option", { value: id }, name)),
    );
    this.replaceChildren(
      el("b", {}, `${plural(count, "photo")} selected`),
      move,
      button("Delete", "delete", () => selection.remove()),
      button("Clear the selection", "close", () => selection.clear(), { text: false }),
    );
  }

  leave() {
    selection.clear();
  }
}

customElements.define("selection-bar", SelectionBar);
