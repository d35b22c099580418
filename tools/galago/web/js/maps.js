// SPDX-License-Identifier: MIT
// Maps of numbers from 0 to 1 as pictures: bright is large.

const colour = (value) => [255 * value ** 1.6, 40 + 205 * value, 60 + 150 * Math.sqrt(value)];

export function paint(context, { height, width, values }, left, top, zoom) {
  const image = context.createImageData(width * zoom, height * zoom);
  for (let y = 0, at = 0; y < height * zoom; y++) {
    for (let x = 0; x < width * zoom; x++, at += 4) {
      image.data.set(colour(values[Math.floor(y / zoom) * width + Math.floor(x / zoom)]), at);
      image.data[at + 3] = 255;
    }
  }
  context.putImageData(image, left, top);
}

/** A map with a caption. */
export function mapFigure(caption, map) {
  const canvas = Object.assign(document.createElement("canvas"), { width: map.width, height: map.height });
  paint(canvas.getContext("2d"), map, 0, 0, 1);
  return captioned(canvas, caption);
}

/** The weights of a filter as numbers on their colours, of which 0 is in the middle. */
export function kernelFigure(caption, weights, [, width]) {
  const most = Math.max(...weights.map(Math.abs)) || 1;
  const table = Object.assign(document.createElement("div"), { className: "kernel" });
  table.style.gridTemplateColumns = `repeat(${width}, 1fr)`;
  for (const weight of weights) {
    const cell = Object.assign(document.createElement("span"), { textContent: signed(weight) });
    cell.style.background = `rgb(${colour(0.5 + weight / (2 * most))})`;
    cell.style.color = weight > 0 ? "#12201e" : "#fff";
    table.append(cell);
  }
  return captioned(table, caption);
}

export const signed = (number) => String(number).replace("-", "−");

function captioned(picture, caption) {
  const element = document.createElement("figure");
  element.append(picture, Object.assign(document.createElement("figcaption"), { textContent: caption }));
  return element;
}
