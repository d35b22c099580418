// SPDX-License-Identifier: MIT
// Decodes baseline JPEG as mobilenet.image.jpeg on the board: here is what Python does there, the reading of the
// segments and the order of the blocks; bits, inverse DCT and colours are the board's own functions, compiled.
// A board keeps rows of blocks, a browser whole planes: the samples are the same.
import { GREY, RGB } from "./resize.js";

const LARGEST_SEGMENT = 4096; // bytes
const [POSITION, END, LAST_DC, WORDS] = [2, 3, 5, 8]; // words of the reader's state
const [LIMITS, OFFSETS, SYMBOLS] = [256, 273, 290]; // in a Huffman table
const BAD_CODE = -1;
const TOO_MANY = -2;
const OTHER_FRAMES = [0xc2, 0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf, 0xf7];

export class Jpeg {
  /** `bytes` are also in memory, from address `at` on. */
  constructor(bytes, at, functions, memory, PictureError) {
    Object.assign(this, { bytes, at, functions, memory, PictureError });
    Object.assign(this, { divisor: 1, restartInterval: 0, bottomUp: false, orientation: 1, position: 2 });
    this.quantization = [];
    this.huffman = [];
    while (this.segment() !== 0xda);
  }

  reduce(divisor) {
    this.width = Math.ceil(this.width / divisor);
    this.height = Math.ceil(this.height / divisor);
    this.divisor = divisor;
  }

  corrupt(what) {
    return new this.PictureError("image.corrupt", `The JPEG ${what} at byte ${this.position}: save it again.`);
  }

  truncated() {
    const size = this.bytes.length.toLocaleString("en");
    return new this.PictureError("image.truncated", `The JPEG ends early, after ${size} bytes: copy it again.`);
  }

  unsupported(what) {
    return new this.PictureError("image.unsupported", what);
  }

  take(count) {
    if (this.position + count > this.bytes.length) throw this.truncated();
    this.position += count;
    return this.bytes.subarray(this.position - count, this.position);
  }

  segment() {
    let [byte] = this.take(1);
    if (byte !== 0xff) throw this.corrupt("has no marker");
    while (byte === 0xff) [byte] = this.take(1);
    if (byte === 0xd9) throw this.truncated();
    const marker = byte;
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) return marker;
    const [high, low] = this.take(2);
    const size = 256 * high + low - 2;
    const known = [0xc0, 0xc1, 0xc4, 0xda, 0xdb].includes(marker);
    if (size < 0 || (known && size > LARGEST_SEGMENT)) throw this.corrupt("has a segment of a wrong size");
    if (OTHER_FRAMES.includes(marker)) throw this.unsupported("JPEG that is not baseline");
    const start = this.position;
    const content = known || size <= LARGEST_SEGMENT ? this.take(size) : this.bytes.subarray(start, start + LARGEST_SEGMENT);
    this.position = start + size;
    const text = String.fromCharCode(...content.subarray(0, 5));
    if (marker === 0xc0 || marker === 0xc1) this.frame(content);
    else if (marker === 0xc4) this.huffmanTables(content);
    else if (marker === 0xdb) this.quantizationTables(content);
    else if (marker === 0xdd && size === 2) this.restartInterval = 256 * content[0] + content[1];
    else if (marker === 0xda) this.scan(content);
    else if (marker === 0xe1) this.orientation = orientationOf(content) || this.orientation;
    else if (marker === 0xe0 && text === "JFIF\0") this.jfif = true;
    else if (marker === 0xee && size >= 12 && text === "Adobe") this.adobe = content[11];
    return marker;
  }

  frame(content) {
    const count = content[5];
    if (this.components || content.length < 6 || content.length !== 6 + 3 * count) {
      throw this.corrupt("has an invalid frame header");
    }
    if (content[0] !== 8) throw this.unsupported(`JPEG with ${content[0]} bits per sample`);
    if (count !== 1 && count !== 3) throw this.unsupported(`JPEG with ${count} components`);
    this.height = 256 * content[1] + content[2];
    this.width = 256 * content[3] + content[4];
    this.layout = count === 1 ? GREY : RGB;
    this.components = [];
    for (let at = 6; at < content.length; at += 3) {
      const [identifier, sampling, table] = content.subarray(at, at + 3);
      let [horizontal, vertical] = [sampling >> 4, sampling & 15];
      if (horizontal < 1 || horizontal > 4 || vertical < 1 || vertical > 4 || table > 3) {
        throw this.corrupt("has an invalid component");
      }
      if (count === 1) horizontal = vertical = 1;
      if (horizontal > 2 || vertical > 2) throw this.unsupported("JPEG with a sampling factor above 2");
      this.components.push({ identifier, horizontal, vertical, table });
    }
  }

  quantizationTables(content) {
    for (let at = 0; at < content.length; ) {
      const [wide, number] = [content[at] >> 4, content[at] & 15];
      const end = at + 65 + 64 * wide;
      if (wide > 1 || number > 3 || end > content.length) throw this.corrupt("has an invalid quantization table");
      const factors = new Uint16Array(64);
      for (let i = 0; i < 64; i++) {
        factors[i] = wide ? 256 * content[at + 1 + 2 * i] + content[at + 2 + 2 * i] : content[at + 1 + i];
      }
      this.quantization[number] = this.memory.put(factors);
      at = end;
    }
  }

  huffmanTables(content) {
    for (let at = 0; at < content.length; ) {
      const [kind, number] = [content[at] >> 4, content[at] & 15];
      const counts = content.subarray(at + 1, at + 17);
      const end = at + 17 + counts.reduce((sum, n) => sum + n, 0);
      const good = kind <= 1 && number <= 3 && end <= content.length;
      const table = good && huffmanTable(counts, content.subarray(at + 17, end), kind ? 255 : 15);
      if (!table) throw this.corrupt("has an invalid Huffman table");
      this.huffman[4 * kind + number] = this.memory.put(table);
      at = end;
    }
  }

  scan(content) {
    if (!this.components) throw this.corrupt("has no frame header before its scan");
    const count = content[0] ?? 0;
    if (content.length !== 4 + 2 * count) throw this.corrupt("has an invalid scan header");
    if (count !== this.components.length) throw this.unsupported("JPEG with several scans");
    this.components.forEach((part, i) => {
      const tables = content[2 + 2 * i];
      if (content[1 + 2 * i] !== part.identifier || tables & 0xcc) throw this.corrupt("has an invalid scan header");
      part.dc = this.huffman[tables >> 4];
      part.ac = this.huffman[4 + (tables & 15)];
      part.factors = this.quantization[part.table];
      if (!part.dc || !part.ac || !part.factors) throw this.corrupt("lacks a table that its scan uses");
    });
  }

  /** Whether three components are RGB rather than YCbCr, by libjpeg's rules. */
  get isRgb() {
    if (this.jfif) return false;
    if (this.adobe !== undefined) return this.adobe === 0;
    return this.components.map((part) => part.identifier).join() === "82,71,66";
  }

  /** Yields the address of each row of this window. */
  *rows(left, top, width, height) {
    const planes = this.decode();
    const { functions } = this;
    const out = this.memory.take(3 * width);
    for (let y = top; y < top + height; y++) {
      const [luma, cb, cr] = planes.map((plane) => this.row(plane, y) + left);
      if (planes.length === 1) {
        yield luma;
      } else {
        functions["color.interleave"](luma, cb, cr, out, width, this.isRgb ? 0 : 1);
        yield out;
      }
    }
  }

  /** The address of a row of pixels of one component, upsampled if necessary. */
  row(plane, y) {
    const near = Math.floor(y / plane.down);
    const at = near * plane.stride;
    let { kind } = plane;
    if (!(kind & 11)) return plane.samples + at;
    let far = at;
    if (kind & 2) {
      const below = y & 1;
      far = Math.min(Math.max(0, near + 2 * below - 1), plane.height - 1) * plane.stride;
      kind |= 4 * below;
    }
    this.functions["color.upsample"](plane.samples, at, far, plane.count, kind, plane.wide);
    return plane.wide;
  }

  /** Decodes all blocks into planes of samples. */
  decode() {
    const { components, functions, memory } = this;
    const scale = 8 / this.divisor;
    const mostAcross = Math.max(...components.map((part) => part.horizontal));
    const mostDown = Math.max(...components.map((part) => part.vertical));
    const columns = Math.ceil(this.width / (scale * mostAcross));
    const rows = Math.ceil(this.height / (scale * mostDown));
    const planes = components.map((part) => this.plane(part, scale, mostAcross, mostDown, columns, rows));
    const state = memory.take(4 * 9);
    const block = memory.take(256);
    const words = new Int32Array(memory.buffer, state, 9);
    words[POSITION] = this.position;
    words[END] = this.bytes.length;
    const decodeBlock = functions["huffman.decode_block"];
    let restarts = 0;
    for (let mcu = 0; mcu < columns * rows; mcu++) {
      if (mcu && this.restartInterval && mcu % this.restartInterval === 0) this.restart(words, restarts++);
      const [x, y] = [mcu % columns, Math.floor(mcu / columns)];
      planes.forEach(({ part, size, store, samples, stride, mcuWidth, rows: high }, index) => {
        for (let v = 0; v < part.vertical; v++) {
          for (let h = 0; h < part.horizontal; h++) {
            const tables = [part.dc, part.ac, part.factors];
            const last = decodeBlock(state, this.at, ...tables, block, LAST_DC + index, store ? 63 : 0);
            if (last < 0) this.fail(last, words);
            const place = (y * high + v * size) * stride + x * mcuWidth + h * size;
            if (last === 0 || !store) functions["idct.fill"](block, samples, place, stride, size);
            else store(block, samples, place, stride, words[WORDS] / 4);
          }
        }
      });
    }
    return planes;
  }

  /** The plane of a component. Where possible, a larger inverse DCT replaces upsampling. */
  plane(part, scale, mostAcross, mostDown, columns, rows) {
    const fits = (most, own, size) => (most * scale) % (own * size * 2) === 0;
    let size = scale;
    while (size < 8 && fits(mostAcross, part.horizontal, size) && fits(mostDown, part.vertical, size)) size *= 2;
    const mcuWidth = part.horizontal * size;
    const high = part.vertical * size;
    const across = (mostAcross * scale) / mcuWidth;
    const down = (mostDown * scale) / high;
    const stride = columns * mcuWidth;
    const width = Math.ceil(this.width / across);
    let kind = (across === 2) + 2 * (down === 2);
    if (scale === 1 || (across === 2 && width <= 2)) kind = 8 * (across === 2) + 16 * (down === 2);
    return {
      ...{ part, size, mcuWidth, stride, down, kind, rows: high },
      count: Math.min(width, stride),
      height: Math.ceil(this.height / down),
      samples: this.memory.take(stride * rows * high),
      wide: this.memory.take(across * stride),
      store: this.functions[`idct.idct_${size}`],
    };
  }

  restart(words, restarts) {
    this.position = words[POSITION];
    let [before, byte] = [0, this.bytes[this.position++]];
    while (byte === 0xff) [before, byte] = [byte, this.bytes[this.position++]];
    if (byte === undefined || (before === 0xff && byte === 0xd9)) throw this.truncated();
    if (before !== 0xff || byte !== 0xd0 + (restarts % 8)) throw this.corrupt("has no restart marker");
    words.fill(0, 0, WORDS);
    words[POSITION] = this.position;
    words[END] = this.bytes.length;
  }

  fail(code, words) {
    this.position = words[POSITION];
    const [first, second] = this.bytes.subarray(this.position, this.position + 2);
    if (code === BAD_CODE) throw this.corrupt("has no Huffman code");
    if (code === TOO_MANY) throw this.corrupt("has too many coefficients");
    if (second !== undefined && !(first === 0xff && second === 0xd9)) {
      throw this.corrupt("has a marker inside its pixels");
    }
    throw this.truncated();
  }
}

/** A table as mobilenet.image.jpeg.huffman.build_table makes it; null if it is invalid. */
function huffmanTable(counts, symbols, largest) {
  if (!symbols.length || symbols.length > 256 || Math.max(...symbols) > largest) return null;
  const table = new Uint16Array(SYMBOLS + symbols.length);
  let code = 0;
  let used = 0;
  for (let length = 1; length <= 16; length++) {
    const count = counts[length - 1];
    table[OFFSETS + length] = used - code;
    for (let i = used; i < used + count; i++) {
      table[SYMBOLS + i] = symbols[i];
      if (length <= 8) {
        const end = Math.min(256, (code + 1) << (8 - length));
        table.fill((length << 8) | symbols[i], code << (8 - length), end);
      }
      code++;
    }
    used += count;
    if (code >= 1 << length) return null;
    table[LIMITS + length] = code << (16 - length);
    code <<= 1;
  }
  return table;
}

/** The orientation, 1 to 8, that the beginning of an APP1 segment names (mobilenet.image.jpeg.exif); 0 for none. */
function orientationOf(content) {
  const text = String.fromCharCode(...content.subarray(0, 10));
  const little = text === "Exif\0\0II*\0";
  if (content.length < 14 || (!little && text !== "Exif\0\0MM\0*")) return 0;
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  let at = view.getUint32(10, little) + 6; // offsets count from the byte order
  if (at + 2 > content.length) return 0;
  let count = view.getUint16(at, little);
  for (at += 2; count && at + 12 <= content.length; at += 12, count--) {
    const kind = view.getUint16(at + 2, little);
    if (view.getUint16(at, little) !== 0x0112 || view.getUint32(at + 4, little) !== 1) continue;
    if (kind !== 3 && kind !== 4) continue;
    const value = kind === 3 ? view.getUint16(at + 8, little) : view.getUint32(at + 8, little);
    return value <= 8 ? value : 0;
  }
  return 0;
}
