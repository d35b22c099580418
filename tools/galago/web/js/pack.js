// SPDX-License-Identifier: MIT
// Prepares a layer for SIMD (galago.web.fast): widens its int8 weights to int16 in the order in which they are
// multiplied, and writes the table of biases and factors. galago.native.kernels.wasm32 says how both are read.

const BLOCK = 8; // channels

export function pack(memory, { pack: layer, plane }) {
  const sums = layer.depthwise ? packDepthwise(memory, layer) : packProduct(memory, layer);
  table(memory, layer, sums);
  if (plane) new Int16Array(memory.buffer, plane[0], plane[1]).fill(plane[2]);
}

/** Of 8 channels, of each pair of taps: 8 × 2 weights. Returns the sums of the weights of each channel. */
function packProduct(memory, { weights, channels, lines, line, padded, target }) {
  const source = new Int8Array(memory.buffer, weights, channels * lines * line);
  const taps = lines * padded;
  const out = new Int16Array(memory.buffer, target, taps * Math.ceil(channels / BLOCK) * BLOCK);
  const sums = new Int32Array(channels);
  let at = 0;
  for (let channel = 0; channel < channels; channel++) {
    const base = (channel >> 3) * BLOCK * taps + 2 * (channel & 7);
    for (let y = 0; y < lines; y++) {
      for (let x = 0; x < line; x++) {
        const tap = y * padded + x;
        out[base + (tap >> 1) * 2 * BLOCK + (tap & 1)] = source[at];
        sums[channel] += source[at++];
      }
    }
  }
  return sums;
}

/** Of 8 channels, of each tap: 8 weights. */
function packDepthwise(memory, { weights, channels, lines, target }) {
  const source = new Int8Array(memory.buffer, weights, channels * lines);
  const out = new Int16Array(memory.buffer, target, lines * Math.ceil(channels / BLOCK) * BLOCK);
  const sums = new Int32Array(channels);
  for (let channel = 0; channel < channels; channel++) {
    for (let tap = 0; tap < lines; tap++) {
      const weight = source[tap * channels + channel];
      out[((channel >> 3) * lines + tap) * BLOCK + (channel & 7)] = weight;
      sums[channel] += weight;
    }
  }
  return sums;
}

/** Of 4 channels: bias - zero · sum, multiplier, 2**(30 - right), and -1 where the shift to the right is not 0. */
function table(memory, { channels, zero, entries, table: target }, sums) {
  const found = new Int32Array(memory.buffer, entries, 3 * channels); // multiplier, shift, bias
  const out = new Int32Array(memory.buffer, target, 16 * Math.ceil(channels / 4));
  for (let channel = 0; channel < channels; channel++) {
    const at = (channel >> 2) * 16 + (channel & 3);
    const [multiplier, shift, bias] = found.subarray(3 * channel);
    out[at] = bias - Math.imul(zero, sums[channel]);
    out[at + 4] = multiplier;
    out[at + 8] = 2 ** (30 + shift);
    out[at + 12] = shift ? -1 : 0;
  }
}
