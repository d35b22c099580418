// SPDX-License-Identifier: MIT
// Sobel's filter: the strength of edges, from two kernels of 3×3.

export const Sobel = {
  /** For vertical and for horizontal outlines. */
  kernels: [
    [-1, 0, 1, -2, 0, 2, -1, 0, 1],
    [-1, -2, -1, 0, 0, 0, 1, 2, 1],
  ],

  /** An input as a map in grey, numbers from 0 to 1. */
  grey(input, { height, width, channels }) {
    const values = Float32Array.from({ length: height * width }, (_, i) => {
      let total = 0;
      for (let c = 0; c < channels; c++) total += input[i * channels + c] + 128;
      return total / (255 * channels);
    });
    return { height, width, values };
  },

  /** The strength of the edges of a map, as numbers from 0 to 1. */
  of({ height, width, values: grey }) {
    const at = (y, x) => grey[Math.min(height - 1, Math.max(0, y)) * width + Math.min(width - 1, Math.max(0, x))];
    const filtered = (kernel, y, x) => kernel.reduce((total, weight, i) => total + weight * at(y + Math.floor(i / 3) - 1, x + (i % 3) - 1), 0);
    const values = new Float32Array(height * width);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        values[y * width + x] = Math.hypot(...Sobel.kernels.map((kernel) => filtered(kernel, y, x)));
      }
    }
    const most = Math.max(...values) || 1;
    return { height, width, values: values.map((value) => value / most) };
  },
};
