// SPDX-License-Identifier: MIT
// Drawings that the server makes as SVG texts: charts of galago.report, QR codes.
import { el } from "./dom.js";

/** Returns an SVG text as an element. */
export function drawing(text, label) {
  const parsed = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  const svg = document.importNode(parsed, true);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  return svg;
}

/** Returns a chart of galago.report.charts, an SVG and its legend after it, under a title. */
function chart(text, title) {
  const end = text.indexOf("</svg>") + 6;
  const legend = new DOMParser().parseFromString(text.slice(end), "text/html").querySelector(".legend");
  const svg = drawing(text.slice(0, end).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" '), title);
  return el(
    "figure",
    {},
    el("figcaption", {}, title),
    el("div", { class: "chart" }, svg, legend && document.importNode(legend, true)),
  );
}

const TITLES = {
  loss: "Loss",
  accuracy: "Accuracy",
  reliability: "Confidence: on the diagonal, 80 % of the answers given with 80 % are correct",
};

/** Returns the figures of those charts that there are: { loss, accuracy, reliability }. */
export function figures(charts) {
  return Object.entries(TITLES)
    .filter(([key]) => charts?.[key])
    .map(([key, title]) => chart(charts[key], title));
}
