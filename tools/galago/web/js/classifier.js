// SPDX-License-Identifier: MIT
// A picture in, ranked classes out: the model directory of a board, in a page.
import { Network } from "./engine.js";
import { PictureError, readFile, readPixels } from "./picture.js";
import { Resizer } from "./resize.js";

const MOST_PIXELS = 5e7; // of a picture that the browser decodes: it takes 8 bytes for each

export class Classifier {
  /** `bundle` is what galago export embeds: contract, program, and base64 of kernels, simd and model. */
  static async load(bundle, options = {}) {
    const [kernels, simd, model] = [bundle.kernels, bundle.simd, bundle.model].map(decode);
    const network = await Network.load(bundle.program, kernels, simd, model, options.simd ?? true);
    return new Classifier(bundle.contract, network);
  }

  constructor(contract, network) {
    this.contract = contract;
    this.network = network;
    this.resizer = new Resizer(network.functions, network.memory, contract.input);
  }

  /** Classifies a Blob, a video, an image, a canvas or an ImageBitmap. Raises PictureError for a bad file. */
  async classify(source, top = 5) {
    const start = performance.now();
    const decodedBy = await this.fill(source);
    const filled = performance.now();
    this.network.run();
    const end = performance.now();
    const ranked = this.rank(top);
    const unknown = ranked[0].confidence < (this.contract.unknown_below ?? 0);
    return { top: ranked, unknown, decodedBy, ms: { picture: filled - start, network: end - filled } };
  }

  /** Writes a picture to the input; returns who decoded it: "board" (its decoder) or "browser". */
  async fill(source) {
    const { memory } = this.network;
    if (source instanceof Blob) {
      const bytes = new Uint8Array(await source.arrayBuffer());
      memory.clear();
      if (readFile(bytes, this.resizer, memory, this.network.program.input)) return "board";
      source = await decodeInBrowser(source);
    }
    memory.clear();
    const width = source.videoWidth || source.naturalWidth || source.width;
    const height = source.videoHeight || source.naturalHeight || source.height;
    if (!width || !height) throw new PictureError("image.size", "The picture has no pixels yet: try again.");
    if (width * height > MOST_PIXELS) {
      throw new PictureError("image.size", `The picture has ${width}×${height} pixels: make it smaller.`);
    }
    readPixels(pixelsOf(source, width, height), width, height, this.resizer, memory, this.network.program.input);
    return "browser";
  }

  /** The best classes as mobilenet.ranking finds them. */
  rank(top) {
    const { labels, output } = this.contract;
    const values = Array.from(this.network.output, (score) => (score - output.zero_point) * output.scale);
    let confidences = values;
    if (output.activation === "logits") {
      const largest = Math.max(...values);
      const powers = values.map((value) => Math.exp(value - largest));
      const total = powers.reduce((a, b) => a + b, 0);
      confidences = values.length > 1 ? powers.map((power) => power / total) : [1 / (1 + Math.exp(-values[0]))];
    }
    if (confidences.length === 1) confidences = [1 - confidences[0], confidences[0]];
    const ranked = confidences.map((confidence, index) => ({ label: labels[index], index, confidence }));
    return ranked.sort((a, b) => b.confidence - a.confidence || a.index - b.index).slice(0, top);
  }
}

async function decodeInBrowser(blob) {
  try {
    return await createImageBitmap(blob, { imageOrientation: "from-image" });
  } catch {
    throw new PictureError("image.format", "This is no picture that the browser can read: choose a JPEG or PNG.");
  }
}

let canvas = null;

/** RGBA pixels over white. */
function pixelsOf(source, width, height) {
  canvas ??= document.createElement("canvas");
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(source, 0, 0, width, height);
  return context.getImageData(0, 0, width, height).data;
}

function decode(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
