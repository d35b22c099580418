// SPDX-License-Identifier: MIT
// What the doctor found: problems first, each with its fix, then the facts.
import { el } from "./dom.js";
import { icon } from "./icons.js";

export function showFindings({ facts, problems }) {
  const bad = problems.map(({ what, fix }) =>
    el("li", { class: "verdict warn" }, icon("warning"), el("div", {}, el("b", {}, what), el("p", {}, fix))),
  );
  const none = el("p", { class: "verdict" }, icon("check"), "The doctor found nothing wrong.");
  const rows = Object.entries(facts).map(([heading, values]) => [
    el("h3", {}, heading),
    el(
      "dl",
      { class: "facts" },
      Object.entries(values)
        .map(([name, value]) => [el("dt", {}, name), el("dd", {}, text(value))])
        .flat(),
    ),
  ]);
  return [
    bad.length ? el("ul", { class: "list" }, bad) : none,
    el("details", {}, el("summary", {}, "All that it found"), rows.flat()),
  ];
}

const text = (value) =>
  value === null
    ? "–"
    : Array.isArray(value)
      ? value.join(", ")
      : typeof value === "object"
        ? JSON.stringify(value)
        : String(value);
