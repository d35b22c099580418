// SPDX-License-Identifier: MIT
// Which board, which network: what fits and how fast it is, live while a slider moves. A quick model has a fixed
// network, one that goes on from another model has that one's, and a search tries all that fit.
import { get } from "./api.js";
import { Part, el, redraw } from "./dom.js";
import { fitFigures } from "./fit_figures.js";
import { icon } from "./icons.js";
import { Slider } from "./slider.js";
import { store } from "./store.js";
import { percent } from "./words.js";

const KEY = "galago.network";
const WAIT = 120; // milliseconds after the last movement of a slider

export class NetworkChoice extends Part {
  #mode = "quick";

  async show() {
    this.fits = null;
    this.replaceChildren(el("p", { class: "soft" }, "Reading what boards can take …"));
    try {
      const [boards, networks] = await Promise.all([get("/api/boards"), get("/api/networks")]);
      Object.assign(this, { boards, families: networks.families, quickNetwork: networks.quick });
      this.sweepNeeds = networks.sweep_needs;
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
    this.follow("model", () => this.drawStart());
    if (kept?.architecture in this.families) this.set(kept);
    else await this.best();
  }

  build() {
    this.boardSelect = el("select", { onchange: () => this.changeBoard() }, this.boardOptions());
    this.start = el("select", { onchange: () => this.changeStart() });
    this.startField = el("label", { class: "field" }, "Start from", this.start);
    this.family = el(
      "div",
      { class: "choice", role: "group", "aria-label": "Architecture" },
      Object.entries(this.families).map(([name, { title }]) =>
        el("button", { type: "button", "data-name": name, onclick: () => this.changeFamily(name) }, title),
      ),
    );
    this.familyField = el("div", { class: "field" }, "Architecture", this.family);
    this.width = new Slider(
      "Width",
      (alpha) => `× ${alpha}`,
      () => this.check(),
    );
    this.size = new Slider(
      "Picture",
      (size) => `${size} × ${size} pixels`,
      () => this.check(),
    );
    const text = "Looking for the largest network that fits …";
    this.search = el("p", { class: "soft", role: "status", hidden: true }, text);
    this.depth = new Slider(
      "Depth",
      (blocks) => (blocks ? `${blocks} of 13 blocks` : "all 13 blocks"),
      () => this.check(),
    );
    this.verdict = el("div", { class: "list", role: "status" });
    const sliders = [this.width.field, this.depth.field, this.size.field];
    const own = [this.startField, this.familyField, ...sliders, this.search];
    this.replaceChildren(el("label", { class: "field" }, "Board", this.boardSelect), ...own, this.verdict);
    this.drawStart();
  }

  boardOptions() {
    const some = (title, boards) =>
      boards.length > 0 &&
      el(
        "optgroup",
        { label: title },
        boards.map(({ id, name }) => el("option", { value: id, selected: id === this.board }, name)),
      );
    const [popular, others] = [true, false].map((is) => this.boards.filter((board) => board.popular === is));
    const none = el("option", { value: "", selected: !this.board }, "No board, only try it here");
    return [some("Common boards", popular), some(popular.length ? "All others" : "Boards", others), none].filter(Boolean);
  }

  /** Offers the models of this project that were fully trained; hides what the kind of training fixes. */
  drawStart() {
    const models = store.project.models.filter(({ has }) => has.includes("float"));
    const chosen = models.some(({ id }) => id === this.start.value) ? this.start.value : "";
    this.start.replaceChildren(
      el("option", { value: "", selected: !chosen }, "ImageNet’s network"),
      ...models.map(({ id, name, accuracy }) =>
        el("option", { value: id, selected: id === chosen }, `${name}, ${percent(accuracy)} correct`),
      ),
    );
    this.startField.hidden = this.fixed || !models.length;
    this.familyField.hidden = this.width.field.hidden = this.fixed || Boolean(this.from);
    this.depth.field.hidden = this.width.field.hidden || this.depth.steps.length < 2;
    this.size.field.hidden = this.fixed;
  }

  /** The kind of training: quick, train or sweep. */
  set mode(mode) {
    if (mode === this.#mode) return;
    this.#mode = mode;
    if (!this.ready) return;
    this.drawStart();
    this.check();
  }

  set({ architecture, alpha, size, blocks = 0 }) {
    this.architecture = architecture;
    for (const each of this.family.children)
      each.setAttribute("aria-pressed", String(each.dataset.name === architecture));
    const { alphas, sizes, blocks: depths } = this.families[architecture];
    this.width.fill(alphas, alpha);
    this.depth.fill(depths, blocks);
    this.size.fill(sizes, size);
    this.drawStart();
    this.check();
  }

  /** Whether there is no network to choose. */
  get fixed() {
    return this.#mode !== "train";
  }

  /** Whether there is a choice already. */
  get ready() {
    return Boolean(this.architecture);
  }

  /** The model to fine-tune, if one is chosen. */
  get from() {
    return store.project.models.find(({ id }) => id === this.start?.value) ?? null;
  }

  get network() {
    if (this.#mode === "quick") return this.quickNetwork;
    const { architecture, width, depth, size } = this;
    const own = { architecture, alpha: width.value, blocks: depth.value };
    const { architecture: family, alpha, blocks } = this.from ?? own;
    return { architecture: family, alpha, blocks, size: size.value };
  }

  get value() {
    return { board: this.board || null, ...this.network, from: this.fixed ? null : (this.from?.id ?? null) };
  }

  changeBoard() {
    this.board = this.boardSelect.value;
    return this.best();
  }

  changeStart() {
    if (this.from) this.set(this.from);
    else this.drawStart();
    this.check();
  }

  changeFamily(architecture) {
    this.set({ architecture, alpha: this.width.value, size: this.size.value, blocks: this.depth.value });
  }

  /** Moves the sliders to the largest network that fits the board. */
  async best() {
    const { board } = this;
    const [architecture] = Object.keys(this.families);
    this.set({ architecture, alpha: 0.25, size: 96 });
    if (!board) return;
    const before = JSON.stringify(this.value);
    this.search.hidden = this.fixed;
    const found = await get(`/api/fit?board=${encodeURIComponent(board)}`).catch(() => null);
    this.search.hidden = true;
    // The first search for a board takes seconds: whoever has moved a slider meanwhile has chosen.
    if (found?.architecture in this.families && JSON.stringify(this.value) === before) this.set(found);
  }

  check() {
    const { architecture, width, depth, size, board } = this;
    const kept = { board, architecture, alpha: width.value, size: size.value, blocks: depth.value };
    localStorage.setItem(KEY, JSON.stringify(kept));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), WAIT);
  }

  async ask() {
    this.asking?.abort();
    this.asking = new AbortController();
    const { board, network } = this;
    if (!board || this.#mode === "sweep") return this.say(null, []);
    try {
      const fit = await get(`/api/fit?${new URLSearchParams({ board, ...network })}`, this.asking.signal);
      return this.say(fit.fits, fitFigures(fit, this.boards.find(({ id }) => id === board)));
    } catch (error) {
      if (error.name === "AbortError") return undefined;
      return this.say(null, [el("p", { class: "verdict warn" }, icon("warning"), error.message)]);
    }
  }

  say(fits, content) {
    this.fits = fits;
    redraw(this.verdict, content);
    this.verdict.hidden = !content.length;
    this.dispatchEvent(new Event("change"));
  }
}

customElements.define("network-choice", NetworkChoice);
