// SPDX-License-Identifier: MIT
// Measures a model again on the photos that are set aside now: here, or on a board, picture by picture.
import { post } from "./api.js";
import { Part, button, el, meter, redraw } from "./dom.js";
import { icon } from "./icons.js";
import { attempt } from "./notes.js";
import { store } from "./store.js";
import { duration, percent, plural } from "./words.js";

class MeasureAgain extends Part {
  show() {
    this.className = "card";
    this.follow(["project", "job", "ports"], () => this.draw());
    this.draw();
  }

  draw() {
    const model = store.project.models.find(({ id }) => id === this.modelId);
    if (!model) return;
    const job = store.project.jobs.find(({ kind, model: id }) => kind === "evaluate" && id === model.id);
    const running = job?.state === "running";
    redraw(
      this,
      el("h2", {}, "On a board"),
      running ? this.progress(job) : this.actions(),
      !running && job?.error && verdict("bad", "warning", job.error.message),
      model.board && answersOf(model.board),
    );
  }

  actions() {
    const begin = (port) => () => attempt(() => post("/api/jobs", { kind: "evaluate", model: this.modelId, port }));
    return [
      el(
        "p",
        { class: "soft" },
        "A board answers the same photos, and each answer is compared with the model’s here. It takes a while on a slow board.",
      ),
      el(
        "div",
        { class: "buttons" },
        store.ports.map(({ port, name }) => button(`Measure on ${name}`, "deploy", begin(port), { "data-port": port })),
        button("Measure here again", "look", begin(null)),
      ),
    ];
  }

  progress(job) {
    const left = job.seconds_left ? `, ${duration(job.seconds_left)} left` : "";
    return [
      el("p", { class: "soft number", role: "status" }, `${job.phase ?? "starting"}${left}`),
      meter(job.total ? job.done / job.total : 0, job.title),
      button("Stop", "stop", () => attempt(() => post(`/api/jobs/${job.id}/stop`)), { "data-job": job.id }),
    ];
  }
}

const verdict = (kind, name, text) =>
  el("p", { class: `verdict ${kind}`.trim() }, icon(name), el("span", {}, text));

/** What the board said, compared with the model here. */
function answersOf({ place, runtime, photos, differ, same_best_class: same, accuracy, first }) {
  const who = `${place.charAt(0).toUpperCase()}${place.slice(1)} (${runtime})`;
  if (!differ) return verdict("", "check", `${who}: all ${plural(photos, "answer")} as here, ${percent(accuracy, 1)} correct.`);
  const where = first ? ` The first to differ is ${first.tensor}.` : " Its runtime has arithmetic of its own.";
  const text = `${who}: the same class for ${same} of ${plural(photos, "photo")}, ${percent(accuracy, 1)} correct.${where}`;
  return verdict(first ? "bad" : "warn", "warning", text);
}

customElements.define("measure-again", MeasureAgain);
