// SPDX-License-Identifier: MIT
// Deploy: boards appear by themselves; one click puts the model on one, then its answers are shown live.
import { get, post } from "./api.js";
import { Part, button, el, heading, meter, redraw } from "./dom.js";
import { showFindings } from "./findings.js";
import { chooseFirmware } from "./firmware.js";
import { icon } from "./icons.js";
import { chosenModel, modelOfPage, noModel } from "./model_choice.js";
import { attempt } from "./notes.js";
import { store } from "./store.js";
import { duration } from "./words.js";
import "./board_fit.js";
import "./live_board.js";

const ON_PORT = ["flash", "monitor", "doctor", "rollback", "collect", "evaluate", "firmware"];
const TOLD = ["flash", "rollback", "doctor", "monitor", "firmware"]; // whose end a card tells
const WATCH = "galago.watch"; // the job after which this window watches a board

const DONE = {
  rollback: ({ place }) => `The board runs ${place.split("/").at(-1)} again.`,
  firmware: () => "MicroPython is installed.",
};

class Deploy extends Part {
  async show() {
    this.list = el("div", { class: "columns" });
    this.emulated = null; // the board that the emulated one is to be, if it was chosen
    this.follow("ports", () => this.draw());
    this.follow(["project", "job"], () => this.draw());
    this.follow("job", () => this.watch());
    const model = chosenModel();
    const head = heading(
      "Deploy",
      "Plug in a board and it appears here. Only files are copied: an interruption leaves the old model or the new one.",
      model && modelOfPage("deploy"),
      button("Install MicroPython", "plus", () => chooseFirmware()),
    );
    const none = !model && noModel("Once a model is trained, one click puts it on a board, or on an emulated one.");
    this.replaceChildren(head, ...[none, this.list].filter(Boolean));
    this.draw();
    this.boards = await get("/api/boards").catch(() => []);
    this.draw();
    this.watch();
  }

  draw() {
    if (!this.list.isConnected) return;
    const shown = new Map([...this.list.children].map((card) => [card.dataset.port, card]));
    const cards = store.ports.map((port) => {
      const card =
        shown.get(port.port) ??
        el("section", { class: "card board-card", "data-port": port.port }, el("div", { class: "list" }), el("div"));
      this.fill(card, port);
      return card;
    });
    for (const [port, card] of shown) if (!store.ports.some((other) => other.port === port)) card.remove();
    cards.forEach(
      (card, at) => this.list.children[at] !== card && this.list.insertBefore(card, this.list.children[at] ?? null),
    );
    if (!cards.length) this.list.replaceChildren(el("p", { class: "soft" }, "No board is plugged in."));
  }

  /** Draws what a board is and can do; leaves its live answers alone. */
  fill(card, port) {
    const [top, bottom] = card.children;
    const job = store.project.jobs.find(
      (each) => each.port === port.port && ON_PORT.includes(each.kind) && ["queued", "running"].includes(each.state),
    );
    const last = store.project.jobs.find((each) => each.port === port.port && TOLD.includes(each.kind));
    const facts = [
      port.emulated ? "runs on this computer" : port.port,
      port.micropython && `MicroPython ${port.micropython}`,
      port.model && `runs ${port.model}`,
    ]
      .filter(Boolean)
      .join(" · ");
    const name = port.name.charAt(0).toUpperCase() + port.name.slice(1);
    card.setAttribute("aria-label", name);
    redraw(
      top,
      el("div", {}, el("h2", {}, name), el("p", { class: "soft" }, facts)),
      port.emulated && !job && this.emulatedBoard(port),
      !job && this.fit(port, top.querySelector("board-fit")),
      this.actions(port, job),
      this.progress(port, job, last),
    );
    const live = bottom.querySelector("live-board");
    if (job?.kind === "monitor" && live?.jobId !== job.id) {
      const made = document.createElement("live-board");
      made.jobId = job.id;
      bottom.replaceChildren(made);
    } else if (job && job.kind !== "monitor") bottom.replaceChildren();
  }

  /** Whether the chosen model fits, where it is known which board this is; `shown` stays as long as it is right. */
  fit(port, shown) {
    const [model, id] = [chosenModel(), (port.emulated && this.emulated) || port.board];
    const board = this.boards?.find((each) => each.id === id);
    if (!model || !board) return null;
    const same = shown?.dataset.model === model.id && shown.dataset.board === id;
    return same ? shown : el("board-fit", { "data-model": model.id, "data-board": id, "data-name": board.name });
  }

  emulatedBoard(port) {
    this.emulated ??= port.board;
    const change = () => {
      this.emulated = select.value;
      this.draw();
    };
    const select = el(
      "select",
      { onchange: change },
      (this.boards ?? []).map(({ id, name }) => el("option", { value: id, selected: id === this.emulated }, name)),
    );
    return el("label", { class: "field" }, "Emulates", select);
  }

  actions(port, job) {
    if (job)
      return el(
        "div",
        { class: "buttons" },
        button(
          job.kind === "monitor" ? "Stop watching" : "Stop",
          "stop",
          () => attempt(() => post(`/api/jobs/${job.id}/stop`)),
          { "data-job": job.id },
        ),
      );
    const model = chosenModel();
    const begin = (kind, more) => () =>
      attempt(async () => {
        const { id } = await post("/api/jobs", { kind, port: port.port, ...more?.() });
        if (["flash", "rollback"].includes(kind)) sessionStorage.setItem(WATCH, id);
      });
    const flash = begin("flash", () => ({
      model: model.id,
      ...(port.emulated ? { board: this.emulated ?? port.board } : {}),
    }));
    return el(
      "div",
      { class: "buttons" },
      model && button(`Install ${model.name}`, "deploy", flash, { kind: "main", "data-model": model.id }),
      button("Watch", "look", begin("monitor")),
      button("Doctor", "doctor", begin("doctor")),
      button("Roll back", "undo", begin("rollback")),
    );
  }

  progress(port, job, last) {
    const parts = [];
    if (job && job.kind !== "monitor")
      parts.push(
        el(
          "p",
          { class: "soft number", role: "status" },
          `${job.title}: ${job.phase ?? job.state}${job.seconds_left ? `, ${duration(job.seconds_left)} left` : ""}`,
        ),
        meter(job.total ? job.done / job.total : 0, job.title),
      );
    if (!job && last?.error)
      parts.push(el("p", { class: "verdict bad" }, icon("warning"), el("span", {}, last.error.message)));
    if (!job && last?.error?.code === "board.firmware" && !port.emulated)
      parts.push(button("Install MicroPython", "plus", () => chooseFirmware(port)));
    if (!job && last?.state === "done" && DONE[last.kind])
      parts.push(el("p", { class: "verdict" }, icon("check"), el("span", {}, DONE[last.kind](last.result))));
    if (!job && last?.kind === "doctor" && last.state === "done") parts.push(...showFindings(last.result));
    return parts;
  }

  /** After this window has put a model on a board, it watches the board's answers. */
  watch() {
    const job = store.project.jobs.find(({ id, state }) => id === sessionStorage.getItem(WATCH) && state === "done");
    if (!job) return;
    sessionStorage.removeItem(WATCH);
    attempt(() => post("/api/jobs", { kind: "monitor", port: job.port }));
  }
}

customElements.define("studio-deploy", Deploy);
