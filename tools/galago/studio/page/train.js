// SPDX-License-Identifier: MIT
// Train: a network that fits the board, an answer in a minute, the whole training after it.
import { post } from "./api.js";
import { Part, button, el, emptyState, heading, redraw } from "./dom.js";
import { attempt } from "./notes.js";
import { store } from "./store.js";
import { percent, plural } from "./words.js";
import "./network_choice.js";
import "./training_run.js";

const KINDS = ["quick", "train"];
const FEWEST = 4; // photos of each class

class Train extends Part {
  show() {
    this.head = el("div");
    this.body = el("div", { class: "columns" });
    this.choice = document.createElement("network-choice");
    this.run = document.createElement("training-run");
    this.start = el("div", { class: "list" });
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
        "Get a quick answer first, then train fully if it looks promising. Closing this window does not stop the training.",
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
      this.body.replaceChildren(el("section", { class: "card" }, this.choice, this.start), this.run);
    this.run.job = store.job(KINDS) ?? store.project.jobs.find(({ kind }) => KINDS.includes(kind)) ?? null;
    this.drawStart();
  }

  drawStart() {
    const busy = store.job(KINDS);
    const off = Boolean(busy) || !this.choice.ready || this.choice.fits === false;
    const why = busy
      ? "One training at a time."
      : this.choice.fits === false
        ? "Choose a network that fits the board."
        : `With ${plural(store.photos, "photo")} in ${plural(store.project.classes.length, "class")}.`;
    const quick = button("Quick answer", "train", () => this.begin("quick"), { kind: "main", disabled: off });
    const whole = button("Train fully", null, () => this.begin("train"), { disabled: off });
    const [last] = store.project.models;
    const before =
      last &&
      !busy &&
      el(
        "p",
        { class: "soft" },
        `The last model, ${last.name}, gets ${percent(last.accuracy)} of the test photos right.`,
      );
    redraw(
      this.start,
      el("div", { class: "buttons" }, quick, whole),
      el(
        "p",
        { class: "soft" },
        `${why} Quick takes about a minute and trains only the last layer. Full training takes minutes to an hour and is more accurate.`,
      ),
      before,
    );
  }

  begin(kind) {
    return attempt(() => post("/api/jobs", { kind, ...this.choice.value }));
  }
}

customElements.define("studio-train", Train);
