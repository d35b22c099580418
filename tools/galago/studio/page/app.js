// SPDX-License-Identifier: MIT
// The window: steps on the left, one page at a time, work in progress below the steps.
import { post } from "./api.js";
import { button, el, meter, redraw } from "./dom.js";
import { icon } from "./icons.js";
import { attempt, note, undo } from "./notes.js";
import { store } from "./store.js";
import { duration, percent, plural } from "./words.js";
import "./collect.js";
import "./deploy.js";
import "./look.js";
import "./start.js";
import "./take.js";
import "./train.js";
import "./try.js";

const STEPS = {
  start: "Start",
  collect: "Collect",
  train: "Train",
  look: "Look",
  try: "Try",
  deploy: "Deploy",
  take: "Take away",
};
const UNSHOWN = {
  collect: "The board’s camera has stopped.",
  firmware: "MicroPython is installed.",
  take: "The model is among yours.",
}; // by no page
const $ = (id) => document.getElementById(id);

/** What a step has to show already, in a word or two. */
function state(step) {
  const { classes, models } = store.project;
  if (step === "collect") return classes.length ? store.photos.toLocaleString("en") : "";
  if (step === "train") return store.job(["train", "quick", "sweep"]) ? "running" : "";
  if (step === "look") return models[0]?.accuracy ? percent(models[0].accuracy) : "";
  if (step === "deploy") {
    const plugged = store.ports.filter((port) => !port.emulated).length;
    return plugged ? plural(plugged, "board") : "";
  }
  return "";
}

function buildSteps() {
  const entries = Object.entries(STEPS).map(([step, title]) =>
    el("li", {}, el("a", { href: `#${step}` }, icon(step), el("span", {}, title), el("small"))),
  );
  $("steps").replaceChildren(...entries);
}

function drawSteps() {
  Object.keys(STEPS).forEach((step, at) => {
    const link = $("steps").children[at].firstChild;
    const current = step === document.body.dataset.step;
    link.querySelector("small").textContent = state(step);
    link.toggleAttribute("aria-current", current);
    if (current) link.setAttribute("aria-current", "page");
  });
  $("project-name").textContent = store.project.name;
  const folder = store.project.folder ?? "";
  const parts = folder.split(/[\\/]/);
  Object.assign($("project-folder"), {
    textContent: parts.length > 3 ? `…/${parts.slice(-2).join("/")}` : folder,
    title: folder,
  });
}

function drawWork() {
  const rows = store.work
    .filter(({ kind }) => kind !== "monitor")
    .map((job) => {
      const share = job.total ? job.done / job.total : 0;
      const left =
        job.state === "paused" ? "paused" : job.seconds_left ? `${duration(job.seconds_left)} left` : (job.phase ?? "");
      const stop = button(`Stop: ${job.title}`, "stop", () => attempt(() => post(`/api/jobs/${job.id}/stop`)), {
        text: false,
        "data-job": job.id,
      });
      return el(
        "div",
        { class: "job" },
        el("p", {}, el("b", {}, job.title), el("small", {}, left)),
        stop,
        meter(share, job.title),
      );
    });
  redraw($("work"), rows);
}

function route() {
  const step = location.hash.slice(1).split("/")[0] || (store.project.classes.length ? "collect" : "start");
  if (!(step in STEPS)) return;
  const moved = document.body.dataset.step && document.body.dataset.step !== step;
  document.body.dataset.step = step;
  document.title = `${STEPS[step]} – ${store.project.name} – Galago studio`;
  const page = document.createElement(`studio-${step}`);
  $("main").replaceChildren(page);
  drawSteps();
  document.querySelector("#steps [aria-current]").scrollIntoView({ block: "nearest", inline: "center" });
  if (!moved) return;
  scrollTo(0, 0);
  page.querySelector("h1")?.focus();
}

/** Says how a job has ended whose end no page shows. */
function tellEnd({ detail: { kind, state, error } }) {
  if (kind in UNSHOWN && state === "failed") note(error.message, { kind: "bad" });
  if (kind in UNSHOWN && state === "done") note(UNSHOWN[kind]);
}

function drawOnline() {
  $("offline").hidden = store.online || !store.trouble;
  $("offline").textContent = store.online ? "" : store.trouble;
}

function listen() {
  addEventListener("hashchange", route);
  addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=range], [type=checkbox]), textarea, select");
    if (event.key === "z" && (event.ctrlKey || event.metaKey) && !typing) {
      event.preventDefault();
      undo();
    }
  });
  // A file that misses its target must not replace the page.
  for (const type of ["dragover", "drop"]) addEventListener(type, (event) => event.preventDefault());
  for (const type of ["project", "ports", "job"]) store.addEventListener(type, drawSteps);
  for (const type of ["project", "job"]) store.addEventListener(type, drawWork);
  store.addEventListener("job", tellEnd);
  store.addEventListener("online", drawOnline);
}

async function open() {
  try {
    await store.load();
  } catch (error) {
    $("main").replaceChildren(
      el(
        "section",
        { class: "empty" },
        icon("warning"),
        el("h1", {}, "The studio does not answer"),
        el("p", {}, error.message),
      ),
    );
    return;
  }
  buildSteps();
  listen();
  route();
  drawWork();
  store.connect();
}

open();
