// SPDX-License-Identifier: MIT
// Train: an answer in a minute first, the whole training of a network that fits the board after it, or a search.
import { post } from "./api.js";
import { Part, button, el, emptyState, heading, redraw } from "./dom.js";
import { attempt } from "./notes.js";
import { store } from "./store.js";
import { percent, plural } from "./words.js";
import "./network_choice.js";
import "./sweep_run.js";
import "./training_run.js";

const MODE = "galago.training"; // quick, train or sweep, as this browser's user chose last
const MODES = {
  quick: ["Quick", "About a minute: only the last layer learns, of a network that is always the same. See what comes out."],
  train: ["Full", "Minutes to an hour: all layers learn from your photos, which is more accurate."],
  sweep: ["Search", "Half an hour to a night: many networks that fit your board are trained. See what accuracy costs."],
};
const KINDS = Object.keys(MODES);
const TIMES = { 30: "30 minutes", 120: "2 hours", 600: "Overnight" }; // of a search, by its minutes
const FEWEST = 4; // photos of each class

class Train extends Part {
  show() {
    this.head = el("div");
    this.body = el("div", { class: "columns" });
    this.choice = document.createElement("network-choice");
    this.runs = { training: document.createElement("training-run"), sweep: document.createElement("sweep-run") };
    this.run = this.runs.training;
    this.start = el("div", { class: "list" });
    const kept = localStorage.getItem(MODE);
    this.mode = store.job(KINDS)?.kind ?? (kept in MODES ? kept : "quick");
    this.minutes = 30;
    this.times = el(
      "div",
      { class: "choice", role: "group", "aria-label": "Time" },
      Object.entries(TIMES).map(([minutes, title]) =>
        el("button", { type: "button", "data-minutes": minutes, onclick: () => this.take(Number(minutes)) }, title),
      ),
    );
    this.timeField = el("div", { class: "field" }, "Time", this.times);
    this.modes = el(
      "div",
      { class: "choice", role: "group", "aria-label": "Kind of training" },
      Object.entries(MODES).map(([mode, [title]]) =>
        el("button", { type: "button", "data-mode": mode, onclick: () => this.choose(mode) }, title),
      ),
    );
    this.about = el("p", { class: "soft" });
    this.replaceChildren(this.head, this.body);
    this.follow(["project", "job"], () => this.draw());
    this.choice.addEventListener("change", () => this.drawStart());
    this.draw();
  }

  /** Why nothing can be trained yet, or null. */
  get missing() {
    const { classes } = store.project;
    if (classes.length < 2) return "A model tells things apart, so it needs at least two classes.";
    const few = classes.filter(({ photos }) => photos < FEWEST);
    return few.length
      ? `${few.map(({ name }) => name).join(", ")}: add more photos: at least ${FEWEST}, ideally fifty.`
      : null;
  }

  draw() {
    redraw(
      this.head,
      heading(
        "Train",
        "Start quick, and train fully when the answer looks promising. Closing this window does not stop a training.",
      ),
    );
    if (this.missing) {
      this.body.replaceChildren(
        emptyState(
          "train",
          "Not enough photos yet",
          this.missing,
          el("a", { class: "button main", href: "#collect" }, "Collect photos"),
        ),
      );
      return;
    }
    if (!this.choice.isConnected)
      this.body.replaceChildren(
        el(
          "section",
          { class: "card" },
          el("h2", {}, "Training"),
          this.modes,
          this.about,
          this.choice,
          this.timeField,
          this.start,
        ),
        this.run,
      );
    this.drawRun();
    this.drawStart();
  }

  /** Shows the newest search, or the newest training. */
  drawRun() {
    const search = this.mode === "sweep";
    const run = this.runs[search ? "sweep" : "training"];
    const kinds = search ? ["sweep"] : ["quick", "train"];
    if (run !== this.run) this.run.replaceWith(run);
    this.run = run;
    run.job = store.job(kinds) ?? store.project.jobs.find(({ kind }) => kinds.includes(kind)) ?? null;
  }

  choose(mode) {
    this.mode = mode;
    localStorage.setItem(MODE, mode);
    this.drawRun();
    this.drawStart();
  }

  take(minutes) {
    this.minutes = minutes;
    this.drawStart();
  }

  /** Why the chosen training cannot begin, or null. */
  get obstacle() {
    if (store.job(KINDS)) return "One training at a time.";
    if (this.mode !== "sweep") return this.choice.fits === false ? "Choose a network that fits the board." : null;
    const { sweepNeeds } = this.choice;
    if (sweepNeeds) return `A search needs Ray. Install it, and start the studio again: ${sweepNeeds}`;
    return this.choice.ready && !this.choice.board ? "Choose a board." : null;
  }

  drawStart() {
    for (const each of this.modes.children)
      each.setAttribute("aria-pressed", String(each.dataset.mode === this.mode));
    [, this.about.textContent] = MODES[this.mode];
    for (const each of this.times.children)
      each.setAttribute("aria-pressed", String(Number(each.dataset.minutes) === this.minutes));
    this.timeField.hidden = this.mode !== "sweep";
    this.choice.mode = this.mode;
    const { obstacle } = this;
    const off = Boolean(obstacle) || !this.choice.ready;
    const photos = `With ${plural(store.photos, "photo")} in ${plural(store.project.classes.length, "class")}.`;
    const { from } = this.choice;
    const titles = {
      quick: "Get a quick answer",
      train: from ? `Fine-tune ${from.name}` : "Train fully",
      sweep: "Search",
    };
    const begin = button(titles[this.mode], "train", () => this.begin(), { kind: "main", disabled: off });
    const [last] = store.project.models;
    const before =
      last &&
      !store.job(KINDS) &&
      el(
        "p",
        { class: "soft" },
        `The last model, ${last.name}, gets ${percent(last.accuracy)} of the test photos right.`,
      );
    redraw(
      this.start,
      el("div", { class: "buttons" }, begin),
      el("p", { class: "soft" }, obstacle ?? photos),
      before,
    );
  }

  begin() {
    const { mode, minutes, choice } = this;
    const wish = mode === "sweep" ? { board: choice.board, minutes } : choice.value;
    return attempt(() => post("/api/jobs", { kind: mode, ...wish }));
  }
}

customElements.define("studio-train", Train);
