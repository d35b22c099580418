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

const total = (source, target) => (source >= target ? source : 2 * target);
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
    while (divisor > 1 && (columns < 2 * wide * divisor || rows < 2 * high * divisor)) divisor /= 2;
    while (columns > LONGEST_ROW * divisor) divisor *= 2;
    return divisor;
  }

  /** Starts a picture; returns its window: left, top, width, height. Its rows must then be pushed. */
  begin(width, height, tensor, layout, bottomUp = false) {
    const window = this.window(width, height);
    [, , this.sourceWidth, this.sourceHeight] = window;
    [this.left, this.top, this.wide, this.high] = this.target(width, height);
    Object.assign(this, { tensor, layout, bottomUp, planes: layout === GREY ? 1 : 3, arrived: 0, made: 0 });
    if (this.wide < this.width || this.high < this.height) {
      this.functions["resize._fill_zero"](tensor, this.height * this.width * this.channels);
    }
    const spans = new Uint16Array(4 * this.wide);
    for (let x = 0; x < this.wide; x++) spans.set(span(this.sourceWidth, this.wide, x), 4 * x);
    this.columns = this.memory.put(spans);
    [this.current, this.previous, this.sums] = [0, 1, 2].map(() => this.memory.take(12 * this.width));
    this.row = span(this.sourceHeight, this.high, 0);
    return window;
  }

  /** Takes the next row of the window, from its address; writes the rows of the input that it completes. */
  push(row) {
    const { functions, wide, planes, layout } = this;
    const size = wide * planes;
    [this.current, this.previous] = [this.previous, this.current];
    const all = total(this.sourceWidth, wide);
    for (let plane = 0; plane < planes; plane++) {
      const offset = layout[1 + plane];
      functions["resize._resize_row"](row, layout[0], offset, this.columns, this.current, plane, wide, all);
    }
    const y = this.arrived++;
    while (this.made < this.high) {
      const [first, last, head, tail] = this.row;
      if (y < first) return;
      if (y === first) {
        functions["resize._set"](this.sums, this.current, size, head);
      } else if (y < last) {
        functions["resize._add"](this.sums, this.current, size, this.high);
      } else {
        if (last === first + 1 && this.sourceHeight < this.high) {
          functions["resize._set"](this.sums, this.previous, size, head);
        }
        functions["resize._add"](this.sums, this.current, size, tail);
      }
      if (y < last) return;
      this.writeRow();
    }
  }

  writeRow() {
    const y = this.bottomUp ? this.high - 1 - this.made : this.made;
    const at = ((this.top + y) * this.width + this.left) * this.channels;
    const grey = 2 * (this.planes === 1) + (this.channels === 1);
    const all = total(this.sourceHeight, this.high);
    this.functions["resize._quantize"](this.sums, this.tensor, at, this.wide, all, grey);
    this.made++;
    if (this.made < this.high) this.row = span(this.sourceHeight, this.high, this.made);
    else if (this.transform) this.apply();
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

/** The source pixels of a target pixel along one axis: first, last, and their weights. */
function span(source, target, index) {
  if (source >= target) {
    const start = index * source;
    const end = start + source;
    const first = divide(start, target);
    const last = divide(end - 1, target);
    const head = Math.min((first + 1) * target, end) - start;
    return [first, last, head, last > first ? end - last * target : 0];
  }
  const centre = Math.max(0, Math.min((2 * index + 1) * source - target, 2 * target * (source - 1)));
  const first = divide(centre, 2 * target);
  const tail = centre % (2 * target);
  return [first, Math.min(first + 1, source - 1), 2 * target - tail, tail];
}
