// SPDX-License-Identifier: MIT
// Pictures as the board reads them: JPEG, BMP, PPM and PGM. Whatever else the browser knows, it decodes itself.
import { Jpeg } from "./jpeg.js";
import { BGR, BGRX, GREY, RGB, RGBX } from "./resize.js";

const LONGEST_SIDE = 16384; // pixels

/** A picture that cannot be used; `code` is the board's (docs/errors.md). */
export class PictureError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** Reads a file's bytes into the input; returns false for a picture that boards cannot read. */
export function readFile(bytes, resizer, memory, tensor) {
  const at = memory.take(bytes.length + 2); // a JPEG's data end with 0xFF and any byte
  memory.bytes.set(bytes, at);
  memory.bytes[at + bytes.length] = 0xff;
  const file = { bytes, at, need: (kind, size) => need(bytes, kind, size) };
  const open = decoder(bytes);
  try {
    take(open(file, memory, resizer), resizer, tensor);
  } catch (error) {
    if (error.code === "image.unsupported") return false;
    throw error;
  }
  return true;
}

/** Resizes RGBA pixels of a canvas, which have no transparent parts. */
export function readPixels(pixels, width, height, resizer, memory, tensor) {
  const at = memory.put(pixels);
  take(rows(width, height, RGBX, at, 4 * width), resizer, tensor);
}

function take(picture, resizer, tensor) {
  const { width, height } = picture;
  if (!(width >= 1 && height >= 1 && width <= LONGEST_SIDE && height <= LONGEST_SIDE)) {
    throw new PictureError("image.size", `${width}×${height} pixels, a side may have 1 to 16,384: resize it`);
  }
  const divisor = picture.reduce ? resizer.reduction(width, height, picture.orientation) : 1;
  picture.reduce?.(divisor);
  const window = resizer.begin(width, height, tensor, picture.layout, picture.bottomUp, divisor, picture.orientation);
  for (const row of picture.rows(...window)) resizer.push(row);
}

function decoder(bytes) {
  const [a, b, c] = bytes;
  const is = (text) => a === text.charCodeAt(0) && b === text.charCodeAt(1);
  if (!bytes.length) throw new PictureError("image.empty", "The file has 0 bytes: choose another one.");
  if (a === 0xff && b === 0xd8) return jpeg;
  if (is("BM")) return bmp;
  if ((is("P5") || is("P6")) && (c <= 32 || c === 35)) return ppm;
  return () => {
    throw new PictureError("image.unsupported", "a format that boards do not read");
  };
}

function jpeg(file, memory, resizer) {
  return new Jpeg(file.bytes, file.at, resizer.functions, memory, PictureError);
}

function bmp(file) {
  file.need("BMP", 54);
  const view = new DataView(file.bytes.buffer, file.bytes.byteOffset);
  const number = (at) => view.getInt32(at, true);
  const bits = view.getUint16(28, true);
  if (number(14) < 40 || number(30) || (bits !== 24 && bits !== 32)) {
    throw new PictureError("image.unsupported", "a kind of BMP that boards do not read");
  }
  const [start, width, height] = [number(10), number(18), Math.abs(number(22))];
  if (start < 14 + number(14)) throw new PictureError("image.corrupt", "The BMP's pixels start in its header.");
  const stride = (width * (bits >> 3) + 3) & -4;
  file.need("BMP", start + stride * (height - 1) + width * (bits >> 3));
  return rows(width, height, bits === 24 ? BGR : BGRX, file.at + start, stride, number(22) > 0);
}

function ppm(file) {
  const grey = file.bytes[1] === 53;
  const header = new TextDecoder("latin1").decode(file.bytes.subarray(2, 4096));
  const found = /^((?:\s|#[^\n\r]*[\n\r])*(\d{1,6})){3}\s/.exec(header);
  if (!found) throw new PictureError("image.corrupt", "The PPM's header has no three numbers: convert it again.");
  const [width, height, largest] = found[0].replace(/#[^\n\r]*/g, " ").trim().split(/\s+/).map(Number);
  if (largest !== 255) throw new PictureError("image.unsupported", `PPM with values up to ${largest}`);
  const layout = grey ? GREY : RGB;
  const start = 2 + found[0].length;
  file.need("PPM", start + width * height * layout[0]);
  return rows(width, height, layout, file.at + start, width * layout[0]);
}

/** A picture whose rows are in memory, the last one first if `bottomUp`. */
function rows(width, height, layout, at, stride, bottomUp = false) {
  return {
    width,
    height,
    layout,
    bottomUp,
    *rows(left, top, _, count) {
      const first = bottomUp ? height - top - count : top;
      for (let y = 0; y < count; y++) yield at + (first + y) * stride + left * layout[0];
    },
  };
}

function need(bytes, kind, size) {
  if (bytes.length < size) {
    const counts = `${bytes.length.toLocaleString("en")} of ${size.toLocaleString("en")}`;
    throw new PictureError("image.truncated", `The ${kind} ends after ${counts} bytes: copy it again.`);
  }
}
