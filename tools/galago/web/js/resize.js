// SPDX-License-Identifier: MIT
// Crops, resizes and quantizes a picture to a model's input, row by row, as mobilenet.image.resize on the board:
// here is what Python does there; the loops over pixels are the board's own functions, compiled.

const LONGEST_ROW = 2048; // pixels

// Pixel layouts of a row: bytes per pixel, then the offsets of red, green and blue.
export const RGB = [3, 0, 1, 2];
export const BGR = [3, 2, 1, 0];
export const BGRX = [4, 2, 1, 0];
export const RGBX = [4, 0, 1, 2];
export const GREY = [1, 0, 0, 0];

// Words of the state of mobilenet.image.area.
const [WIDE, PLANES, STEP, UNIT, TOTAL, ROW_UNIT, ROW_TOTAL, ROW_START, SOURCE, ROWS, HIGH] = Array(11).keys();
const [MADE, AT, STRIDE, FIRST, RED, GREYS, STATE] = [12, 13, 14, 15, 19, 20, 21];

const divide = (a, b) => Math.floor(a / b);

export class Resizer {
  /** `input` is that of model.json: height, width, channels, resize, and for imported models transform. */
  constructor(functions, memory, input) {
    this.functions = functions;
    this.memory = memory;
    Object.assign(this, { height: input.height, width: input.width, channels: input.channels });
    this.how = input.resize;
    this.transform = input.transform;
  }

  /** The divisor (1, 2, 4 or 8) at which a JPEG of this size is decoded. */
  reduction(width, height) {
    const [, , columns, rows] = this.window(width, height);
    const [, , wide, high] = this.target(width, height);
    let divisor = 8;
    while (divisor > 1 && (4 * columns < 5 * wide * divisor || 4 * rows < 5 * high * divisor)) divisor /= 2;
    while (columns > LONGEST_ROW * divisor) divisor *= 2;
    return divisor;
  }

  /** Starts a picture, decoded at 1/divisor; returns its window: left, top, width, height. */
  begin(width, height, tensor, layout, bottomUp = false, divisor = 1) {
    const { functions, memory } = this;
    const [left, top, columns, rows] = this.window(width, height);
    const [x, y, wide, high] = this.target(width, height);
    const [first, firstRow] = [divide(left, divisor), divide(top, divisor)];
    const count = divide(left + columns - 1, divisor) + 1 - first;
    const countRows = divide(top + rows - 1, divisor) + 1 - firstRow;
    const size = this.height * this.width * this.channels;
    if (wide < this.width || high < this.height) functions["area.fill_zero"](tensor, size);
    const state = new Int32Array(STATE);
    state[WIDE] = wide;
    state[PLANES] = layout === GREY ? 1 : 3;
    state[STEP] = layout[0];
    state[RED] = layout[1];
    state[GREYS] = 2 * (layout === GREY) + (this.channels === 1);
    state[UNIT] = columns >= wide ? divisor * wide : 0;
    state[TOTAL] = columns >= wide ? columns : 2 * wide;
    state[ROW_UNIT] = rows >= high ? divisor * high : 0;
    state[ROW_TOTAL] = rows >= high ? rows : 2 * high;
    state[ROW_START] = (top % divisor) * high;
    state[SOURCE] = rows;
    state[ROWS] = countRows;
    state[HIGH] = high;
    state[STRIDE] = (bottomUp ? -1 : 1) * this.width * this.channels;
    state[AT] = (y * this.width + x) * this.channels - (bottomUp ? state[STRIDE] * (high - 1) : 0);
    Object.assign(this, { tensor, state: memory.put(state), columns: memory.take(16 * wide) });
    const start = (left % divisor) * wide;
    functions["area.column_spans"](columns, wide, state[UNIT], start, count, this.columns);
    const rowStart = state[ROW_START];
    functions["area.span"](rows, high, state[ROW_UNIT], rowStart, countRows, 0, this.state, FIRST);
    [this.current, this.previous, this.sums] = [0, 1, 2].map(() => memory.take(12 * this.width));
    return [first, firstRow, count, countRows];
  }

  /** Takes the next row of the window, from its address; writes the rows of the input that it completes. */
  push(row) {
    const { functions, columns, sums, tensor } = this;
    const words = () => new Int32Array(this.memory.buffer, this.state, STATE);
    const made = words()[MADE];
    functions["area.push"](this.state, row, 0, 0, 1, columns, this.current, this.previous, sums, tensor);
    [this.current, this.previous] = [this.previous, this.current];
    const now = words();
    if (this.transform && made < now[MADE] && now[MADE] === now[HIGH]) this.apply();
  }

  /** Rewrites pixel - 128 to what an imported model expects (mobilenet.image.transform). */
  apply() {
    const table = new Uint8Array(256 * this.channels);
    this.transform.forEach(([multiplier, offset], channel) => {
      for (let pixel = 0; pixel < 256; pixel++) {
        table[256 * channel + pixel] = Math.max(-128, Math.min(127, (pixel * multiplier + offset) >> 16));
      }
    });
    const size = this.height * this.width * this.channels;
    this.functions["transform._translate"](this.tensor, size, this.memory.put(table), this.channels);
  }

  /** Left, top, width and height of the part of the picture that is used. */
  window(width, height) {
    let [columns, rows] = [width, height];
    if (this.how === "crop") {
      columns = Math.min(width, Math.max(1, divide(height * this.width, this.height)));
      rows = Math.min(height, Math.max(1, divide(width * this.height, this.width)));
    }
    return [divide(width - columns, 2), divide(height - rows, 2), columns, rows];
  }

  /** Left, top, width and height of the part of the input that the picture fills. */
  target(width, height) {
    let [wide, high] = [this.width, this.height];
    if (this.how === "pad") {
      wide = Math.min(wide, Math.max(1, divide(2 * width * high + height, 2 * height)));
      high = Math.min(high, Math.max(1, divide(2 * height * this.width + width, 2 * width)));
    }
    return [divide(this.width - wide, 2), divide(this.height - high, 2), wide, high];
  }
}
