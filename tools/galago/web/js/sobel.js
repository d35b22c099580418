// SPDX-License-Identifier: MIT
// Sobel's filter: the strength of edges, from two kernels of 3×3.

export const Sobel = {
  /** The strength of edges in an input, as numbers from 0 to 1. */
  of(input, { height, width, channels }) {
    const grey = Float32Array.from({ length: height * width }, (_, i) => {
      let total = 0;
      for (let c = 0; c < channels; c++) total += input[i * channels + c];
      return total / channels;
    });
    const at = (y, x) => grey[Math.min(height - 1, Math.max(0, y)) * width + Math.min(width - 1, Math.max(0, x))];
    const values = new Float32Array(height * width);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const side = (d) => at(y - 1, x + d) + 2 * at(y, x + d) + at(y + 1, x + d);
        const line = (d) => at(y + d, x - 1) + 2 * at(y + d, x) + at(y + d, x + 1);
        values[y * width + x] = Math.hypot(side(1) - side(-1), line(1) - line(-1));
      }
    }
    const most = Math.max(...values) || 1;
    return { height, width, values: values.map((value) => value / most) };
  },
};
