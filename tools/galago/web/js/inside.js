// SPDX-License-Identifier: MIT
// Look inside: the feature maps of a layer, one filter with its input and output, the last layers as bars.
import { Sobel } from "./sobel.js";

const GRID = 640; // pixels of the width of all maps together
const MOST_INPUTS = 4; // of a pointwise filter, the strongest
const NAMES = { conv_2d: "convolution", depthwise_conv_2d: "depthwise", fully_connected: "dense" };

export class Inside {
  constructor(classifier, $) {
    Object.assign(this, { classifier, $, network: classifier.network, layer: 0, channel: -1 });
    this.layers = this.network.program.layers;
    this.times = this.layers.map(() => 0); // browsers round their clocks: sums of many runs are more exact
    $("layers").append(...this.layers.map((layer, index) => this.tile(layer, index)));
    $("layers").onkeydown = (event) => this.arrow(event, "layer", this.layers.length);
    $("maps").onclick = (event) => this.tap(event);
    $("maps").onkeydown = (event) => this.arrow(event, "channel", this.layers[this.layer].shape[2]);
  }

  tile(layer, index) {
    const tile = document.createElement("div");
    tile.setAttribute("role", "option");
    const name = layer.window[0] === 1 && layer.operator === "conv_2d" ? "pointwise" : NAMES[layer.operator];
    tile.append(`${index + 1} ${name ?? layer.operator.replaceAll("_", " ")}`, document.createElement("small"), document.createElement("i"));
    tile.children[0].textContent = layer.shape.join("×");
    tile.onclick = () => this.choose("layer", index);
    return tile;
  }

  arrow(event, what, count) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    this.choose(what, Math.min(count - 1, Math.max(0, this[what] + step)));
  }

  choose(what, index) {
    if (what === "layer") this.channel = -1;
    this[what] = index;
    this.show(this.result);
    this.$("layers").children[this.layer].scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  tap(event) {
    const { columns, cell } = this.grid;
    const scale = this.$("maps").width / this.$("maps").clientWidth;
    const [x, y] = [event.offsetX, event.offsetY].map((at) => Math.floor((at * scale) / cell));
    const channel = y * columns + x;
    if (channel < this.layers[this.layer].shape[2]) this.choose("channel", channel);
  }

  /** Shows the chosen layer of the last picture. */
  show(result) {
    if (!result) return;
    this.result = result;
    const layer = this.layers[this.layer];
    const [height, width, channels] = layer.shape;
    const last = [];
    this.network.run(last);
    this.times = this.times.map((time, index) => time + last[index]);
    const all = this.times.reduce((a, b) => a + b, 0) || 1;
    [...this.$("layers").children].forEach((tile, index) => {
      tile.setAttribute("aria-selected", index === this.layer);
      tile.lastChild.style.width = `${(100 * this.times[index]) / (Math.max(...this.times) || 1)}%`;
    });
    const share = ((100 * this.times[this.layer]) / all).toFixed(0);
    const size = (height * width * channels).toLocaleString("en");
    this.$("layer-title").textContent = `Layer ${this.layer + 1}: ${channels} maps of ${height}×${width}, ${size} bytes, ${layer.macs.toLocaleString("en")} MACs, ${share} % of the time.`;
    const flat = height * width === 1;
    this.$("maps").hidden = flat;
    this.$("values").hidden = this.$("channel").hidden = true;
    if (flat) this.bars(layer);
    else this.maps(layer);
    if (!flat && this.channel >= 0) this.filter(layer);
  }

  /** The input as pixels of a canvas' size. */
  inputPixels(canvas) {
    const { height, width, channels } = this.classifier.contract.input;
    const { input } = this.network;
    const image = new ImageData(canvas.width, canvas.height);
    for (let y = 0, at = 0; y < canvas.height; y++) {
      const row = Math.floor((y * height) / canvas.height) * width;
      for (let x = 0; x < canvas.width; x++, at += 4) {
        const pixel = (row + Math.floor((x * width) / canvas.width)) * channels;
        for (let c = 0; c < 3; c++) image.data[at + c] = input[pixel + (channels === 3 ? c : 0)] + 128;
        image.data[at + 3] = 255;
      }
    }
    return image;
  }

  maps(layer) {
    const [height, width, channels] = layer.shape;
    const columns = Math.ceil(Math.sqrt((channels * height) / width));
    const zoom = Math.max(1, Math.floor(GRID / (columns * (width + 1))));
    const cell = zoom * (Math.max(width, height) + 1);
    this.grid = { columns, cell };
    const canvas = this.$("maps");
    Object.assign(canvas, { width: columns * cell, height: Math.ceil(channels / columns) * cell });
    const context = canvas.getContext("2d");
    for (let channel = 0; channel < channels; channel++) {
      const place = [(channel % columns) * cell, Math.floor(channel / columns) * cell];
      paint(context, this.map(this.layer, channel), ...place, zoom);
      if (channel === this.channel) {
        context.strokeStyle = "#e0812d";
        context.lineWidth = Math.max(2, zoom);
        context.strokeRect(...place, cell - zoom, cell - zoom);
      }
    }
  }

  /** A feature map as numbers from 0 to 1; -1 is the input as grey. */
  map(index, channel) {
    const shape = index < 0 ? [this.classifier.contract.input.height, this.classifier.contract.input.width, this.classifier.contract.input.channels] : this.layers[index].shape;
    const data = index < 0 ? this.network.input : this.network.tensor(index);
    const [height, width, channels] = shape;
    const values = Float32Array.from({ length: height * width }, (_, i) => data[i * channels + channel]);
    const [low, high] = index < 0 ? [-128, 127] : [Math.min(...values), Math.max(...values)];
    return { height, width, values: values.map((value) => (value - low) / (high - low || 1)) };
  }

  /** One filter: its weights, what it reads, what it makes of that, and Sobel's filter on the same picture. */
  filter(layer) {
    const parts = [];
    const pack = layer.fast?.pack;
    if (pack) {
      const before = this.layer - 1;
      const weights = new Int8Array(this.network.memory.buffer, pack.weights);
      const taps = layer.window[0] * layer.window[1];
      if (pack.depthwise) {
        const kernel = Array.from({ length: taps }, (_, tap) => weights[tap * pack.channels + this.channel]);
        parts.push(["reads this map", this.map(before, this.channel)]);
        parts.push([`with this filter: ${kernel.join(" ")}`, kernelMap(kernel, layer.window)]);
      } else {
        const depth = pack.line / layer.window[1];
        const own = weights.subarray(this.channel * taps * depth, (this.channel + 1) * taps * depth);
        const strength = Array.from({ length: depth }, (_, c) => sum(taps, (tap) => Math.abs(own[tap * depth + c])));
        const order = strength.map((_, c) => c).sort((a, b) => strength[b] - strength[a]).slice(0, MOST_INPUTS);
        for (const c of order) {
          const kernel = Array.from({ length: taps }, (_, tap) => own[tap * depth + c]);
          parts.push([`map ${c + 1}, times ${kernel.length > 1 ? "this filter" : kernel[0]}`, this.map(before, c)]);
          if (kernel.length > 1) parts.push([`filter of map ${c + 1}`, kernelMap(kernel, layer.window)]);
        }
      }
    }
    parts.push([`map ${this.channel + 1} of this layer`, this.map(this.layer, this.channel)]);
    parts.push(["for comparison, Sobel’s filter from 1968 on the same picture: it finds outlines", Sobel.of(this.network.input, this.classifier.contract.input)]);
    this.$("channel").hidden = false;
    this.$("channel").replaceChildren(...parts.map(([text, map]) => figure(text, map)));
  }

  /** A layer of single numbers: of the last one each class. */
  bars(layer) {
    const { labels, output } = this.classifier.contract;
    const values = Array.from(this.network.tensor(this.layer));
    const last = this.layer === this.layers.length - 1;
    const rows = values.map((value, index) => [index, value, last ? (value - output.zero_point) * output.scale : value - layer.zero]);
    const most = Math.max(...rows.map((row) => Math.abs(row[2]))) || 1;
    const shown = rows.sort((a, b) => b[2] - a[2]).slice(0, 40);
    this.$("values").hidden = false;
    this.$("values").replaceChildren(
      ...shown.map(([index, value, number]) => {
        const row = document.createElement("tr");
        const name = last || values.length === labels.length ? labels[index] : "";
        for (const text of [`number ${index}`, value, last ? number.toFixed(3) : number, name]) row.insertCell().textContent = text;
        const bar = row.insertCell();
        bar.className = "bar";
        bar.append(document.createElement("i"));
        bar.firstChild.style.width = `${Math.max(0, (100 * number) / most)}%`;
        return row;
      }),
    );
  }
}

const sum = (count, value) => Array.from({ length: count }, (_, i) => value(i)).reduce((a, b) => a + b, 0);

function kernelMap(kernel, [height, width]) {
  const most = Math.max(...kernel.map(Math.abs)) || 1;
  return { height, width, values: kernel.map((weight) => 0.5 + weight / (2 * most)) };
}

function figure(text, map) {
  const element = document.createElement("figure");
  const canvas = Object.assign(document.createElement("canvas"), { width: map.width, height: map.height });
  paint(canvas.getContext("2d"), map, 0, 0, 1);
  const caption = Object.assign(document.createElement("figcaption"), { textContent: text });
  element.append(canvas, caption);
  return element;
}

function paint(context, { height, width, values }, left, top, zoom) {
  const image = context.createImageData(width * zoom, height * zoom);
  for (let y = 0, at = 0; y < height * zoom; y++) {
    for (let x = 0; x < width * zoom; x++, at += 4) {
      const value = values[Math.floor(y / zoom) * width + Math.floor(x / zoom)];
      image.data.set([255 * value ** 1.6, 40 + 205 * value, 60 + 150 * Math.sqrt(value), 255], at);
    }
  }
  context.putImageData(image, left, top);
}
