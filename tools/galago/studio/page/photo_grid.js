// SPDX-License-Identifier: MIT
// Thumbnails by thousands: only the rows in sight are elements, and photos are asked for by the page.
// A listbox: arrows move, space chooses, shift extends, Ctrl+A takes all, Delete deletes, Enter enlarges.
import { get } from "./api.js";
import { el } from "./dom.js";
import { icon } from "./icons.js";
import { attempt } from "./notes.js";
import { selection } from "./selection.js";

const PAGE = 200;
const LEAST = 72; // pixels of a cell's side
const GAP = 4;
const SPARE = 2; // rows above and below those in sight

export class PhotoGrid extends HTMLElement {
  connectedCallback() {
    this.photos = new Map(); // index → photo
    this.asked = new Set();
    this.total = 0;
    this.cursor = 0;
    this.inner = el("div", { class: "cells" });
    this.replaceChildren(this.inner);
    this.setAttribute("role", "listbox");
    this.setAttribute("aria-multiselectable", "true");
    this.setAttribute("tabindex", "0");
    this.onscroll = () => this.draw();
    this.onkeydown = (event) => this.key(event);
    this.onclick = (event) => this.click(event);
    this.ondblclick = () => this.enlarge(this.cursor);
    this.onfocus = () => this.draw();
    this.onblur = () => this.draw();
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this);
    this.drawLater = () => this.draw();
    selection.addEventListener("change", this.drawLater);
  }

  disconnectedCallback() {
    this.observer.disconnect();
    selection.removeEventListener("change", this.drawLater);
  }

  /** Shows the photos of a class; called again when they have changed. */
  async open(classId, total) {
    this.classId = classId;
    this.total = total;
    this.asked.clear();
    this.cursor = Math.max(0, Math.min(this.cursor, total - 1));
    this.draw();
  }

  get perRow() {
    return Math.max(1, Math.floor((this.clientWidth + GAP) / (LEAST + GAP)));
  }

  /** The side of a cell: rows are filled to the edge. */
  get side() {
    return (this.clientWidth + GAP) / this.perRow - GAP;
  }

  draw() {
    if (!this.inner) return;
    const { perRow, side } = this;
    const step = side + GAP;
    const rows = Math.ceil(this.total / perRow);
    this.inner.style.height = `${Math.max(0, rows * step - GAP)}px`;
    const first = Math.max(0, Math.floor(this.scrollTop / step) - SPARE) * perRow;
    const last = Math.min(this.total, (Math.ceil((this.scrollTop + this.clientHeight) / step) + SPARE) * perRow);
    const shown = [];
    for (let index = first; index < last; index++) shown.push(this.cell(index, perRow, step));
    this.inner.replaceChildren(...shown);
    for (let page = Math.floor(first / PAGE); page * PAGE < last; page++) this.ask(page);
    if (this.total) this.setAttribute("aria-activedescendant", `${this.classId}-${this.cursor}`);
    else this.removeAttribute("aria-activedescendant");
  }

  cell(index, perRow, step) {
    const photo = this.photos.get(index);
    const chosen = photo && selection.has(photo.id);
    const marks = [...(photo?.marks ?? []), ...(photo?.held_out ? ["test photo"] : [])];
    const label = `Photo ${index + 1} of ${this.total}${marks.length ? `, ${marks.join(", ")}` : ""}`;
    const cell = el("div", {
      class: "cell",
      role: "option",
      id: `${this.classId}-${index}`,
      "aria-selected": String(Boolean(chosen)),
      "aria-label": label,
      "aria-setsize": this.total,
      "aria-posinset": index + 1,
      title: marks.join(", ") || null,
    });
    cell.style.transform = `translate(${(index % perRow) * step}px, ${Math.floor(index / perRow) * step}px)`;
    cell.style.width = cell.style.height = `${step - GAP}px`;
    cell.dataset.index = index;
    cell.classList.toggle("cursor", index === this.cursor && document.activeElement === this);
    if (photo) cell.append(this.image(photo));
    if (photo?.marks?.length) cell.append(el("b", { class: "mark" }, icon("warning")));
    else if (photo?.held_out) cell.append(el("b", { class: "mark test" }, "test"));
    return cell;
  }

  /** The same element for a photo as long as it is in sight, so that it does not flicker. */
  image(photo) {
    this.images ??= new Map();
    if (!this.images.has(photo.id))
      this.images.set(
        photo.id,
        el("img", { src: `/api/photos/${photo.id}?size=thumb`, alt: "", draggable: "false", decoding: "async" }),
      );
    if (this.images.size > 600) this.images.delete(this.images.keys().next().value);
    return this.images.get(photo.id);
  }

  async ask(page) {
    if (this.asked.has(page)) return;
    this.asked.add(page);
    const classId = this.classId;
    const answer = await attempt(() => get(`/api/classes/${classId}/photos?from=${page * PAGE}&count=${PAGE}`));
    if (!answer || classId !== this.classId || !this.isConnected) return;
    for (let index = page * PAGE; index < (page + 1) * PAGE; index++) this.photos.delete(index);
    answer.photos.forEach((photo, at) => this.photos.set(page * PAGE + at, photo));
    this.total = answer.total;
    this.draw();
  }

  click(event) {
    const index = Number(event.target.closest(".cell")?.dataset.index ?? -1);
    if (index < 0) return;
    if (event.shiftKey) this.extend(index);
    else this.toggle(index);
    this.move(index);
  }

  toggle(index) {
    const photo = this.photos.get(index);
    if (photo) selection.toggle(photo.id);
    this.anchor = index;
  }

  extend(index) {
    const [from, to] = [this.anchor ?? index, index].sort((a, b) => a - b);
    const ids = [];
    for (let at = from; at <= to; at++) if (this.photos.has(at)) ids.push(this.photos.get(at).id);
    selection.add(ids);
  }

  move(index) {
    this.cursor = Math.max(0, Math.min(index, this.total - 1));
    const { side } = this;
    const top = Math.floor(this.cursor / this.perRow) * (side + GAP);
    if (top < this.scrollTop) this.scrollTop = top;
    if (top + side > this.scrollTop + this.clientHeight) this.scrollTop = top + side - this.clientHeight;
    this.draw();
  }

  async key(event) {
    const steps = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -this.perRow,
      ArrowDown: this.perRow,
      Home: -this.cursor,
      End: this.total,
      PageUp: -5 * this.perRow,
      PageDown: 5 * this.perRow,
    };
    if (event.key in steps) {
      const to = this.cursor + steps[event.key];
      if (event.shiftKey) this.extend(Math.max(0, Math.min(to, this.total - 1)));
      else this.anchor = to;
      this.move(to);
    } else if (event.key === " ") this.toggle(this.cursor);
    else if (event.key === "Enter") this.enlarge(this.cursor);
    else if (event.key === "Delete" || event.key === "Backspace") selection.remove();
    else if (event.key === "Escape") selection.clear();
    else if (event.key === "a" && (event.ctrlKey || event.metaKey)) this.chooseAll();
    else return;
    event.preventDefault();
  }

  async chooseAll() {
    const answer = await attempt(() => get(`/api/classes/${this.classId}/photos?from=0&count=${this.total}`));
    if (answer) selection.add(answer.photos.map(({ id }) => id));
  }

  enlarge(index) {
    const photo = this.photos.get(index);
    if (photo) this.dispatchEvent(new CustomEvent("enlarge", { detail: photo, bubbles: true }));
  }
}

customElements.define("photo-grid", PhotoGrid);
