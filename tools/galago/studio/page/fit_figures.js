// SPDX-License-Identifier: MIT
// What a network takes on a board, as the fit of the server gives it: a verdict in words, and how full the board gets.
import { el, meter } from "./dom.js";
import { icon } from "./icons.js";
import { bytes, milliseconds } from "./words.js";

/** Says whether a network fits a board of this name, perhaps with an SD card, and how long a picture takes. */
export function fitVerdict({ fits, why, with_card, ms }, name) {
  const good = `Fits ${name}${ms ? `: about ${milliseconds(ms[1])} a picture` : ""}.`;
  const bad = `${why ?? `Too large for ${name}.`}${with_card ? " On an SD card it fits: insert one." : ""}`;
  return el(
    "p",
    { class: `verdict ${fits ? "" : "bad"}`.trim() },
    icon(fits ? "check" : "warning"),
    el("span", {}, fits ? good : bad),
  );
}

export function fitFigures(fit, { name, heap, files: room }) {
  const { arena, files, ms } = fit;
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
  const form =
    fit.form === "small" &&
    el("p", { class: "soft" }, "It needs the small form: one model at a time, and pictures of the input’s size.");
  return [
    fitVerdict(fit, name),
    form,
    rows.length > 0 && el("dl", { class: "figures" }, rows.flat()),
    range,
  ].filter(Boolean);
}
