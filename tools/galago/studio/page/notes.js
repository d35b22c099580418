// SPDX-License-Identifier: MIT
// Short messages at the edge of the window, questions, and dialogs.
import { post } from "./api.js";
import { button, el } from "./dom.js";
import { icon } from "./icons.js";

const SECONDS = 8;

let last; // what can be taken back: the last thing that was done, and nothing before

/** Shows a message; one with an action or of a failure stays until it is closed. */
export function note(text, { kind = "", action = null } = {}) {
  const close = () => shown.remove();
  const shown = el(
    "div",
    { class: `note ${kind}`.trim() },
    kind === "bad" && icon("warning"),
    el("span", {}, text),
    action,
    button("Close", "close", close, { text: false }),
  );
  document.getElementById("notes").append(shown);
  if (kind !== "bad" && !action) setTimeout(close, SECONDS * 1000);
  return { close, say: (words) => (shown.querySelector("span").textContent = words) };
}

/** Runs what a click asked for; tells its failure in words. Returns undefined then. */
export async function attempt(action) {
  try {
    return await action();
  } catch (error) {
    note(error.message, { kind: "bad" });
    return undefined;
  }
}

/** Says what was done, with a button that takes it back. */
export function undoable(text) {
  last?.close();
  last = note(text, { action: button("Undo", "undo", undo) });
}

export async function undo() {
  last?.close();
  const done = await attempt(() => post("/api/undo"));
  if (done) note(`Undone: ${done.undone}.`);
}

/** Shows a dialog and waits until it is closed. `build(dialog)` returns its content. */
export function dialog(title, build, { kind = "" } = {}) {
  const box = el("dialog", { class: kind || null, "aria-label": title });
  const head = el(
    "header",
    {},
    el("h2", {}, title),
    button("Close", "close", () => box.close(), { text: false }),
  );
  box.append(head, ...[build(box)].flat());
  document.body.append(box);
  box.showModal();
  return new Promise((resolve) => {
    box.onclose = () => {
      box.remove();
      resolve(box.returnValue);
    };
  });
}
