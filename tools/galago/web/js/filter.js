// SPDX-License-Identifier: MIT
// How one feature map is made: what its filter reads, its weights, the result; and Sobel's filter beside it.
import { kernelFigure, mapFigure, signed } from "./maps.js";
import { Sobel } from "./sobel.js";

const MOST_INPUTS = 4; // of a filter that reads many maps, the strongest
const COLOURS = ["red", "green", "blue"];

/** The elements that tell of the chosen channel of Inside. */
export function filterFigures(inside) {
  const { layer, channel, network, classifier, layers } = inside;
  const grey = Sobel.grey(network.input, classifier.contract.input);
  const [upright, level] = Sobel.kernels;
  return [
    heading(`How map ${channel + 1} is made`),
    figures([
      ...(layers[layer].fast?.pack ? inputs(inside, layers[layer]) : []),
      mapFigure(`= map ${channel + 1} of layer ${layer + 1}`, inside.map(layer, channel)),
    ]),
    heading("For comparison: Sobel’s filter of 1968"),
    figures([
      mapFigure("the picture in grey", grey),
      kernelFigure("∗ this filter", upright, [3, 3]),
      kernelFigure("and this one", level, [3, 3]),
      mapFigure("= its outlines; nobody trained these filters", Sobel.of(grey)),
    ]),
  ];
}

/** What the filter reads, each with its weights. */
function inputs(inside, { fast: { pack }, window, source }) {
  const { channel, network, classifier, layers } = inside;
  const depth = source < 0 ? classifier.contract.input.channels : layers[source].shape[2];
  const colours = depth === 3 ? COLOURS : ["the picture"];
  const name = (c) => (source < 0 ? colours[c] : `map ${c + 1} of layer ${source + 1}`);
  const taps = window[0] * window[1];
  const weights = new Int8Array(network.memory.buffer, pack.weights);
  if (pack.depthwise) {
    const c = Math.floor((channel * depth) / pack.channels);
    const kernel = Array.from({ length: taps }, (_, tap) => weights[tap * pack.channels + channel]);
    return [mapFigure(name(c), inside.map(source, c)), kernelFigure("∗ this filter", kernel, window)];
  }
  const own = weights.subarray(channel * taps * depth, (channel + 1) * taps * depth);
  const kernels = Array.from({ length: depth }, (_, c) => Array.from({ length: taps }, (_, tap) => own[tap * depth + c]));
  const strength = kernels.map((kernel) => kernel.reduce((total, weight) => total + Math.abs(weight), 0));
  const order = kernels.map((_, c) => c).sort((a, b) => strength[b] - strength[a]);
  return order.slice(0, MOST_INPUTS).flatMap((c, index) => {
    const plus = index ? "+ " : "";
    const rest = index === MOST_INPUTS - 1 && depth > MOST_INPUTS ? `, and ${depth - MOST_INPUTS} weaker ones` : "";
    const map = inside.map(source, c);
    if (taps === 1) return [mapFigure(`${plus}${signed(kernels[c][0])} times ${name(c)}${rest}`, map)];
    return [mapFigure(plus + name(c), map), kernelFigure(`∗ this filter${rest}`, kernels[c], window)];
  });
}

const heading = (textContent) => Object.assign(document.createElement("p"), { textContent });

function figures(elements) {
  const row = Object.assign(document.createElement("div"), { className: "figures" });
  row.append(...elements);
  return row;
}
