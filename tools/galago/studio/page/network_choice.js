// SPDX-License-Identifier: MIT
// Which board, which network: what fits and how fast it is, live while a slider moves.
import { get } from "./api.js";
import { Part, el, meter, redraw } from "./dom.js";
import { icon } from "./icons.js";
import { store } from "./store.js";
import { bytes, milliseconds } from "./words.js";

const KEY = "galago.network";
const WAIT = 120; // milliseconds after the last movement of a slider

export class NetworkChoice extends Part {
  async show() {
    this.fits = null;
    this.replaceChildren(el("h2", {}, "Network"), el("p", { class: "soft" }, "Reading what boards can take …"));
    try {
      [this.boards, this.architectures] = await Promise.all([get("/api/boards"), get("/api/architectures")]);
    } catch (error) {
      this.replaceChildren(el("p", { class: "verdict bad" }, icon("warning"), error.message));
      return;
    }
    if (!this.isConnected) return;
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "null");
    const plugged = store.ports.find((port) => !port.emulated && port.board)?.board;
    this.board = kept?.board ?? plugged ?? "RPI_PICO2";
    if (!this.boards.some(({ id }) => id === this.board)) this.board = "";
    this.build();
    if (kept?.architecture in this.architectures) this.set(kept);
    else await this.best();
  }

  build() {
    const some = (title, boards) =>
      boards.length > 0 &&
      el(
        "optgroup",
        { label: title },
        boards.map(({ id, name }) => el("option", { value: id, selected: id === this.board }, name)),
      );
    const popular = this.boards.filter((board) => board.popular);
    this.boardSelect = el(
      "select",
      { onchange: () => this.changeBoard() },
      [
        some("Common boards", popular),
        some(
          popular.length ? "All others" : "Boards",
          this.boards.filter((board) => !board.popular),
        ),
        el("option", { value: "", selected: !this.board }, "No board, only try it here"),
      ].filter(Boolean),
    );
    this.family = el(
      "div",
      { class: "choice", role: "group", "aria-label": "Architecture" },
      Object.entries(this.architectures).map(([name, { title }]) =>
        el("button", { type: "button", "data-name": name, onclick: () => this.changeFamily(name) }, title),
      ),
    );
    this.width = this.slider("Width", (alpha) => `× ${alpha}`);
    this.size = this.slider("Picture", (size) => `${size} × ${size} pixels`);
    this.search = el(
      "p",
      { class: "soft", role: "status", hidden: true },
      "Looking for the largest network that fits …",
    );
    this.verdict = el("div", { class: "list", role: "status" });
    this.replaceChildren(
      el("h2", {}, "Network"),
      el("label", { class: "field" }, "Board", this.boardSelect),
      el("div", { class: "field" }, "Architecture", this.family),
      this.width.field,
      this.size.field,
      this.search,
      this.verdict,
    );
  }

  slider(title, text) {
    const output = el("output");
    const range = el("input", { type: "range", min: 0, step: 1 });
    const made = { field: el("label", { class: "field" }, el("span", {}, title, output), range), range, steps: [] };
    made.say = () => {
      output.textContent = text(made.steps[range.value]);
      range.setAttribute("aria-valuetext", output.textContent);
    };
    range.oninput = () => {
      made.say();
      this.check();
    };
    return made;
  }

  fill(slider, steps, wanted) {
    slider.steps = steps;
    slider.range.max = steps.length - 1;
    const nearest = steps.reduce(
      (best, step, at) => (Math.abs(step - wanted) < Math.abs(steps[best] - wanted) ? at : best),
      0,
    );
    slider.range.value = nearest;
    slider.say();
  }

  set({ architecture, alpha, size }) {
    this.architecture = architecture;
    for (const each of this.family.children)
      each.setAttribute("aria-pressed", String(each.dataset.name === architecture));
    const { alphas, sizes } = this.architectures[architecture];
    this.fill(this.width, alphas, alpha);
    this.fill(this.size, sizes, size);
    this.check();
  }

  /** Whether there is a choice already. */
  get ready() {
    return Boolean(this.architecture);
  }

  get value() {
    return {
      board: this.board || null,
      architecture: this.architecture,
      alpha: this.width.steps[this.width.range.value],
      size: this.size.steps[this.size.range.value],
    };
  }

  changeBoard() {
    this.board = this.boardSelect.value;
    return this.best();
  }

  changeFamily(architecture) {
    const { alpha, size } = this.value;
    this.set({ architecture, alpha, size });
  }

  /** Moves the sliders to the largest network that fits the board. */
  async best() {
    const { board } = this;
    const [architecture] = Object.keys(this.architectures);
    this.set({ architecture, alpha: 0.25, size: 96 });
    if (!board) return;
    const before = JSON.stringify(this.value);
    this.search.hidden = false;
    const found = await get(`/api/fit?board=${encodeURIComponent(board)}`).catch(() => null);
    this.search.hidden = true;
    // The first search for a board takes seconds: whoever has moved a slider meanwhile has chosen.
    if (found?.architecture in this.architectures && JSON.stringify(this.value) === before) this.set(found);
  }

  check() {
    localStorage.setItem(KEY, JSON.stringify(this.value));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), WAIT);
  }

  async ask() {
    this.asking?.abort();
    this.asking = new AbortController();
    const { board, ...network } = this.value;
    if (!board) return this.say(null, []);
    try {
      const fit = await get(`/api/fit?${new URLSearchParams({ board, ...network })}`, this.asking.signal);
      return this.say(fit.fits, this.figures(fit));
    } catch (error) {
      if (error.name === "AbortError") return undefined;
      return this.say(null, [el("p", { class: "verdict warn" }, icon("warning"), error.message)]);
    }
  }

  say(fits, content) {
    this.fits = fits;
    redraw(this.verdict, content);
    this.dispatchEvent(new Event("change"));
  }

  figures({ fits, why, arena, files, ms }) {
    const { name, heap, files: room } = this.boards.find(({ id }) => id === this.board);
    const verdict = el(
      "p",
      { class: `verdict ${fits ? "" : "bad"}` },
      icon(fits ? "check" : "warning"),
      el(
        "span",
        {},
        fits
          ? `Fits ${name}${ms ? `: about ${milliseconds(ms[1])} a picture` : ""}.`
          : (why ?? `Too large for ${name}.`),
      ),
    );
    const row = (title, used, of) =>
      used !== null &&
      used !== undefined && [
        el("dt", {}, title),
        el("dd", {}, meter(used / of, title, used > of ? "bad" : "")),
        el("dd", {}, `${bytes(used)} of ${bytes(of)}`),
      ];
    const rows = [row("Memory", arena, heap), row("Files", files, room)].filter(Boolean);
    const range =
      ms &&
      el(
        "p",
        { class: "soft" },
        `Between ${milliseconds(ms[0])} and ${milliseconds(ms[2])}: an estimate from counted instructions.`,
      );
    return [verdict, rows.length > 0 && el("dl", { class: "figures" }, rows.flat()), range].filter(Boolean);
  }
}

customElements.define("network-choice", NetworkChoice);
