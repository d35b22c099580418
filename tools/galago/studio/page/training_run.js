// SPDX-License-Identifier: MIT
// A training as it goes: curves, time left, pause and stop; afterwards what it advises.
import { get, post } from "./api.js";
import { figures } from "./charts.js";
import { Part, button, el, meter, redraw } from "./dom.js";
import { icon } from "./icons.js";
import { attempt } from "./notes.js";
import { store } from "./store.js";
import { duration, percent } from "./words.js";

const LINES = 200;

/** What the accuracy was measured on, and how sure it is. */
function tested({ held_out: heldOut, interval }) {
  const range = interval ? ` (95 % interval ${percent(interval[0])} to ${percent(interval[1])})` : "";
  return `of the ${heldOut === false ? "training" : "test"} photos correct, as on a board${range}`;
}

export class TrainingRun extends Part {
  /** What is shown before there is a job. */
  get nothing() {
    return ["No training yet", "Curves, remaining time and advice appear here."];
  }

  set job(job) {
    const other = job?.id !== this.known?.id;
    this.known = job;
    if (!this.isConnected || !this.status) return;
    if (other) this.read();
    this.draw();
  }

  show() {
    this.className = "card";
    this.status = el("div", { class: "list" });
    this.curves = el("div", { class: "columns curves" });
    this.log = el("ol", { class: "log", tabindex: 0, "aria-label": "Log" });
    this.details = el("details", {}, el("summary", {}, "Log"), this.log);
    this.after = el("div", { class: "list" });
    this.replaceChildren(this.status, this.after, this.curves, this.details);
    this.follow("line", ({ job, line }) => job === this.known?.id && this.take(line));
    this.follow("model", () => this.draw());
    this.follow("online", (online) => online && this.read());
    this.read();
    this.draw();
  }

  /** Reads the job with all its lines, as after a reload; and its curves again. */
  async read() {
    const { known } = this;
    if (!known) return;
    const whole = await get(`/api/jobs/${known.id}`).catch(() => null);
    if (!whole || whole.id !== this.known?.id) return;
    this.log.replaceChildren(
      ...whole.lines
        .slice(-LINES)
        .map((line) => this.line(line))
        .filter(Boolean),
    );
    this.drawCurves(whole.charts);
  }

  async take(line) {
    const shown = this.line(line);
    if (shown) this.log.append(shown);
    if (this.log.children.length > LINES) this.log.firstChild.remove();
    this.log.scrollTop = this.log.scrollHeight;
    if (line.type !== "epoch") return;
    const { charts } = await get(`/api/jobs/${this.known.id}?lines=0`).catch(() => ({}));
    this.drawCurves(charts);
  }

  line(line) {
    if (line.type === "epoch")
      return el(
        "li",
        {},
        `${line.stage ?? "training"}, epoch ${line.epoch} of ${line.epochs}: ${percent(line.validation_accuracy, 1)} correct, loss ${line.validation_loss.toFixed(3)}`,
      );
    return line.text ? el("li", {}, line.text) : null;
  }

  drawCurves(charts) {
    this.curves.replaceChildren(...figures(charts));
  }

  draw() {
    const job = this.known;
    this.details.hidden = !job;
    if (!job) {
      const [title, text] = this.nothing;
      this.status.replaceChildren(el("h2", {}, title), el("p", { class: "soft" }, text));
      return;
    }
    const states = {
      queued: "waiting",
      running: job.phase ?? "starting",
      paused: "paused",
      stopped: "stopped",
      done: "done",
      failed: "failed",
    };
    const left = job.state === "running" && job.seconds_left ? `, ${duration(job.seconds_left)} left` : "";
    const parts = [
      el("h2", {}, job.title),
      el("p", { class: "soft number", role: "status" }, `${states[job.state]}${left}`),
    ];
    if (["running", "paused"].includes(job.state))
      parts.push(meter(job.total ? job.done / job.total : 0, "Progress"), this.controls(job));
    if (job.error) parts.push(el("p", { class: "verdict bad" }, icon("warning"), el("span", {}, job.error.message)));
    if (job.state === "stopped")
      parts.push(el("div", { class: "buttons" }, this.control(job, "Resume", "try", "resume")));
    redraw(this.status, parts);
    redraw(this.after, this.outcome(job));
  }

  control(job, label, name, action) {
    return button(label, name, () => attempt(() => post(`/api/jobs/${job.id}/${action}`)), { "data-job": job.id });
  }

  controls(job) {
    const pause =
      job.state === "paused"
        ? this.control(job, "Resume", "try", "resume")
        : this.control(job, "Pause", "pause", "pause");
    return el("div", { class: "buttons" }, pause, this.control(job, "Stop", "stop", "stop"));
  }

  outcome(job) {
    const model = job.state === "done" && store.project.models.find(({ id }) => id === job.result?.model);
    if (!model) return [];
    const tile = (value, title) => el("div", { class: "tile" }, el("b", {}, value), el("small", {}, title));
    const tiles = el(
      "div",
      { class: "tiles" },
      tile(percent(model.accuracy), tested(model)),
      ...(model.float_accuracy === null ? [] : [tile(percent(model.float_accuracy), "before quantization (float)")]),
      tile(`${Math.round(model.kB)} kB`, "model file"),
    );
    const advice = model.advice?.length
      ? [
          el("h3", {}, "What would help most"),
          el(
            "ul",
            { class: "list advice" },
            model.advice.map((line) => el("li", {}, line)),
          ),
        ]
      : [
          el(
            "p",
            { class: "verdict" },
            icon("check"),
            "No advice needed: try it, and look for pictures that it gets wrong.",
          ),
        ];
    return [
      tiles,
      ...advice,
      el(
        "div",
        { class: "buttons" },
        el("a", { class: "button main", href: `#try/${model.id}` }, "Try it"),
        el("a", { class: "button", href: `#look/${model.id}` }, "Look at its mistakes"),
        el("a", { class: "button", href: `#deploy/${model.id}` }, "Put it on a board"),
      ),
    ];
  }
}

customElements.define("training-run", TrainingRun);
