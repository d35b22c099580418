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
const [MADE, AT, STRIDE, FIRST, RED, GREYS, NEXT, STATE] = [12, 13, 14, 15, 19, 20, 21, 23];

// EXIF orientations: from TURNED on, rows are seen as columns; which orders of what is stored are reversed.
const TURNED = 5;
const ROWS_REVERSED = [3, 4, 6, 7];
const COLUMNS_REVERSED = [2, 3, 7, 8];

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
  reduction(width, height, orientation = 1) {
    const [, , columns, rows] = this.window(width, height, orientation);
    const [, , wide, high] = this.target(width, height, orientation);
    let divisor = 8;
    while (divisor > 1 && (4 * columns < 5 * wide * divisor || 4 * rows < 5 * high * divisor)) divisor /= 2;
    while (columns > LONGEST_ROW * divisor) divisor *= 2;
    return divisor;
  }

  /** Starts a picture, decoded at 1/divisor; returns its window: left, top, width, height. */
  begin(width, height, tensor, layout, bottomUp = false, divisor = 1, orientation = 1) {
    const { functions, memory } = this;
    const [left, top, columns, rows] = this.window(width, height, orientation);
    const [x, y, wide, high] = this.target(width, height, orientation);
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
    this.order(state, x, y, high, bottomUp, orientation);
    Object.assign(this, { tensor, state: memory.put(state), columns: memory.take(16 * wide) });
    const start = (left % divisor) * wide;
    functions["area.column_spans"](columns, wide, state[UNIT], start, count, layout[0], this.columns);
    const rowStart = state[ROW_START];
    functions["area.span"](rows, high, state[ROW_UNIT], rowStart, countRows, 0, this.state, FIRST);
    [this.current, this.previous, this.sums] = [0, 1, 2].map(() => memory.take(12 * wide));
    return [first, firstRow, count, countRows];
  }

  /** Sets where rows and pixels go; x and y are the first ones of the part that the picture fills. */
  order(state, x, y, high, bottomUp, orientation) {
    let [step, stride] = [this.channels, this.width * this.channels];
    const [wide, tall] = this.shape(orientation);
    if (orientation >= TURNED) [step, stride] = [stride, step];
    if (ROWS_REVERSED.includes(orientation)) [y, stride] = [tall - 1 - y, -stride];
    if (COLUMNS_REVERSED.includes(orientation)) [x, step] = [wide - 1 - x, -step];
    state[AT] = y * Math.abs(stride) + x * Math.abs(step) + (bottomUp ? stride * (high - 1) : 0);
    state[STRIDE] = bottomUp ? -stride : stride;
    state[NEXT] = step;
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

  /** Width and height of the input as the picture is stored. */
  shape(orientation) {
    return orientation >= TURNED ? [this.height, this.width] : [this.width, this.height];
  }

  /** Left, top, width and height of the part of the picture that is used. */
  window(width, height, orientation) {
    let [columns, rows] = [width, height];
    const [across, down] = this.shape(orientation);
    if (this.how === "crop") {
      columns = Math.min(width, Math.max(1, divide(height * across, down)));
      rows = Math.min(height, Math.max(1, divide(width * down, across)));
    }
    return [divide(width - columns, 2), divide(height - rows, 2), columns, rows];
  }

  /** Left, top, width and height of the part of the input that the picture fills. */
  target(width, height, orientation) {
    const [across, down] = this.shape(orientation);
    let [wide, high] = [across, down];
    if (this.how === "pad") {
      wide = Math.min(wide, Math.max(1, divide(2 * width * high + height, 2 * height)));
      high = Math.min(high, Math.max(1, divide(2 * height * across + width, 2 * width)));
    }
    return [divide(across - wide, 2), divide(down - high, 2), wide, high];
  }
}
