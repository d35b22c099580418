// SPDX-License-Identifier: MIT
// The answers to the test photos, counted at a threshold.
import { el } from "./dom.js";

export class Confusion {
  constructor({ labels, unknown_below: threshold, photos }) {
    Object.assign(this, { labels, threshold: threshold ?? 0, photos });
  }

  /** The column of an answer: a class, or the last one, unknown. */
  column({ said, confidence }) {
    return confidence < this.threshold ? this.labels.length : said;
  }

  cell(row, column) {
    return this.photos
      .filter((photo) => photo.is === row && this.column(photo) === column)
      .sort((a, b) => b.confidence - a.confidence);
  }

  /** The cell with most mistakes, as [row, column], or null. */
  worst() {
    const counts = new Map();
    for (const photo of this.photos) {
      const column = this.column(photo);
      if (column !== photo.is && column < this.labels.length)
        counts.set(`${photo.is},${column}`, (counts.get(`${photo.is},${column}`) ?? 0) + 1);
    }
    const [most] = [...counts].sort((a, b) => b[1] - a[1]);
    return most ? most[0].split(",").map(Number) : null;
  }

  shares() {
    const { photos } = this;
    const share = (some, of) => (of.length ? some.length / of.length : null);
    const both = photos.filter(({ float_said: float }) => Number.isInteger(float)); // none of a quick model
    const answered = photos.filter((photo) => this.column(photo) < this.labels.length);
    return {
      photos: photos.length,
      answered: share(answered, photos),
      right: share(
        answered.filter(({ is, said }) => is === said),
        answered,
      ),
      float: share(
        both.filter(({ is, float_said: float }) => is === float),
        both,
      ),
      same: share(
        both.filter(({ said, float_said: float }) => said === float),
        both,
      ),
    };
  }

  recall(label) {
    const index = this.labels.indexOf(label);
    const own = this.photos.filter(({ is }) => is === index);
    return own.length ? own.filter((photo) => this.column(photo) === index).length / own.length : null;
  }

  /** The matrix as a table whose cells are buttons. */
  table(choose, chosen) {
    const names = [...this.labels, "unknown"];
    const head = el(
      "tr",
      {},
      el("td"),
      names.map((name) => el("th", { scope: "col", title: name }, el("span", {}, name))),
    );
    const rows = this.labels.map((label, row) => {
      const counts = names.map(
        (_, column) => this.photos.filter((photo) => photo.is === row && this.column(photo) === column).length,
      );
      const total = counts.reduce((sum, count) => sum + count, 0) || 1;
      return el(
        "tr",
        {},
        el("th", { scope: "row", title: label }, label),
        counts.map((count, column) => this.button(row, column, count, total, choose, chosen)),
      );
    });
    return el("table", { class: "confusion" }, el("thead", {}, head), el("tbody", {}, rows));
  }

  button(row, column, count, total, choose, chosen) {
    const names = [...this.labels, "unknown"];
    const label = `${this.labels[row]} answered ${names[column]}: ${count}`;
    const made = el(
      "button",
      {
        type: "button",
        class: row === column ? "right" : column === this.labels.length ? "unknown" : "wrong",
        title: label,
        "aria-label": label,
        "aria-pressed": String(Boolean(chosen) && chosen[0] === row && chosen[1] === column),
        onclick: () => choose(row, column),
      },
      count || "",
    );
    made.style.setProperty("--share", `${count && Math.round(16 + (84 * count) / total)}%`);
    made.classList.toggle("full", count / total > 0.5);
    return el("td", {}, made);
  }
}
