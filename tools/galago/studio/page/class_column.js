// SPDX-License-Identifier: MIT
// One class: its name, the ways to add photos, and the photos.
import { send } from "./api.js";
import { openBoardCamera } from "./board_camera.js";
import { openCamera } from "./capture.js";
import { Part, button, el } from "./dom.js";
import { icon } from "./icons.js";
import { attempt, undoable } from "./notes.js";
import { linkPhone } from "./phone_link.js";
import { store } from "./store.js";
import { addFiles, droppedFiles } from "./upload.js";
import { plural } from "./words.js";
import "./photo_grid.js";

class ClassColumn extends Part {
  set class(each) {
    this.known = each;
    if (this.grid) this.draw();
  }

  get classId() {
    return this.known.id;
  }

  show() {
    this.setAttribute("role", "group");
    this.name = el("input", {
      type: "text",
      class: "name",
      "aria-label": "Name of the class",
      maxlength: 80,
      spellcheck: "false",
      onchange: () => this.rename(),
    });
    this.name.onkeydown = (event) => event.key === "Enter" && this.name.blur();
    this.count = el("p", { class: "count" });
    this.grid = document.createElement("photo-grid");
    this.hint = el("p", { class: "hint" }, "Drop photos, a folder or a zip here, or paste them.");
    this.replaceChildren(
      el(
        "header",
        {},
        el("div", {}, this.name, this.count),
        button("Delete this class", "delete", () => this.remove(), { text: false }),
      ),
      this.ways(),
      this.grid,
      this.hint,
    );
    // The store reads the project after such events, once for many; `draw` follows.
    this.follow("photos", (event) => (this.changed ||= event.class === this.classId || !event.class));
    this.follow("ports", () => this.querySelector(".ways").replaceWith(this.ways()));
    this.listenToDrops();
    this.draw();
  }

  ways() {
    const id = `files-${this.classId}`;
    const input = el("input", {
      type: "file",
      multiple: true,
      accept: "image/*,.zip,.ppm,.pgm,.heic",
      id,
      class: "hidden",
      onchange: () => {
        addFiles(this.classId, input.files, "file");
        input.value = "";
      },
    });
    const files = el(
      "span",
      {},
      input,
      el("label", { class: "button", for: id, title: "Photos or a zip" }, icon("file"), "Files"),
    );
    const camera = button("Webcam", "camera", () => openCamera(this.known), { kind: "main" });
    const phone = button("Phone", "phone", () => linkPhone(), { text: false });
    const board = button("Board’s camera", "deploy", () => openBoardCamera(this.known), { text: false });
    return el("div", { class: "ways" }, camera, files, phone, board);
  }

  draw() {
    const { name, photos, held_out: heldOut } = this.known;
    if (document.activeElement !== this.name) this.name.value = name;
    this.setAttribute("aria-label", name);
    this.grid.setAttribute("aria-label", `Photos of ${name}`);
    this.count.textContent = photos
      ? `${plural(photos, "photo")}${heldOut ? `, ${heldOut} set aside for testing` : ""}`
      : "no photos yet";
    this.hint.hidden = photos > 0;
    this.grid.hidden = !photos;
    if (this.changed || this.drawn !== photos) this.grid.open(this.classId, photos);
    this.drawn = photos;
    this.changed = false;
  }

  async rename() {
    const name = this.name.value.trim();
    if (!name || name === this.known.name) return void (this.name.value = this.known.name);
    if ((await attempt(() => send("PATCH", `/api/classes/${this.classId}`, { name }))) === undefined)
      this.name.value = this.known.name;
  }

  async remove() {
    const { name, photos } = this.known;
    if ((await attempt(() => send("DELETE", `/api/classes/${this.classId}`))) !== undefined)
      undoable(`${name} deleted, with ${plural(photos, "photo")}.`);
  }

  listenToDrops() {
    this.ondragover = (event) => {
      event.preventDefault();
      this.classList.add("over");
    };
    this.ondragleave = (event) => this.contains(event.relatedTarget) || this.classList.remove("over");
    this.ondrop = async (event) => {
      event.preventDefault();
      this.classList.remove("over");
      const files = await attempt(() => droppedFiles(event.dataTransfer));
      if (files) addFiles(this.classId, files, "file");
    };
  }
}

customElements.define("class-column", ClassColumn);
