// SPDX-License-Identifier: MIT
// A board's own camera as a source of photos: each frame becomes one, until the job is stopped.
import { get, post } from "./api.js";
import { button, el } from "./dom.js";
import { attempt, dialog } from "./notes.js";
import { store } from "./store.js";

/** Lets a board take photos of a class; stops it if it does so already. */
export async function openBoardCamera({ id, name }) {
  const job = store.job(["collect"]);
  if (job) return attempt(() => post(`/api/jobs/${job.id}/stop`));
  const boards = await attempt(() => get("/api/boards"));
  if (!boards) return undefined;
  const cameras = boards.filter(({ camera }) => camera);
  return dialog("Photos from a board’s camera", (box) => {
    const start = (port, board) => async () => {
      box.close();
      await attempt(() => post("/api/jobs", { kind: "collect", port, class: id, board: board?.() ?? null }));
    };
    const text = `Each frame becomes a photo of ${name}, until you stop the job. Frames have 160 × 120 pixels, so they look coarse.`;
    return [
      el("p", { class: "soft" }, text),
      el(
        "ul",
        { class: "list" },
        store.ports.map((port) => (port.emulated ? emulated(cameras, start) : plugged(port, start))),
      ),
      !store.ports.length && el("p", {}, "No board is plugged in."),
    ].filter(Boolean);
  });
}

const plugged = ({ port, name }, start) =>
  el("li", { class: "row" }, el("h3", {}, name), button("Start", "camera", start(port)));

/** The emulated board is one with a camera then, which shows the project's test photos. */
function emulated(cameras, start) {
  const board = el(
    "select",
    {},
    cameras.map(({ id, name }) => el("option", { value: id }, name)),
  );
  return el(
    "li",
    { class: "row" },
    el("label", { class: "field" }, "An emulated board, which shows the test photos", board),
    button("Start", "camera", start("emulated", () => board.value)),
  );
}
