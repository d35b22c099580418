// SPDX-License-Identifier: MIT
// Look inside: the layers, the feature maps of one of them, one filter, and layers of numbers as bars.
import { filterFigures } from "./filter.js";
import { paint } from "./maps.js";

const GRID = 640; // pixels of the width of all maps together
const GAP = 3; // pixels between two maps
const MOST_VALUES = 20;
const SHORTEST = 30; // milliseconds that are measured at least
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
    tile.id = `layer-${index}`;
    const name = layer.window[0] === 1 && layer.operator === "conv_2d" ? "pointwise" : NAMES[layer.operator];
    tile.append(`${index + 1} ${name ?? layer.operator.replaceAll("_", " ")}`, document.createElement("small"), document.createElement("i"));
    tile.children[0].textContent = layer.shape.join("×");
    tile.onclick = () => this.choose("layer", index);
    return tile;
  }

  arrow(event, what, count) {
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -count, End: count };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    this.choose(what, Math.min(count - 1, Math.max(0, this[what] + step)));
  }

  choose(what, index) {
    if (what === "layer") this.channel = -1;
    this[what] = index;
    this.show(this.result);
    const tiles = this.$("layers");
    const tile = tiles.children[this.layer];
    tiles.scrollLeft = tile.offsetLeft - tiles.offsetLeft - (tiles.clientWidth - tile.clientWidth) / 2;
  }

  tap(event) {
    const { columns, cell } = this.grid;
    const scale = this.$("maps").width / this.$("maps").clientWidth;
    const [x, y] = [event.offsetX, event.offsetY].map((at) => Math.floor((at * scale) / cell));
    const channel = y * columns + x;
    if (x < columns && channel < this.layers[this.layer].shape[2]) this.choose("channel", channel);
  }

  /** Shows the chosen layer of the last picture. */
  show(result) {
    if (!result) return;
    this.result = result;
    const layer = this.layers[this.layer];
    const [height, width] = layer.shape;
    this.measure();
    const flat = height * width === 1;
    if (!flat && this.channel < 0) this.channel = this.liveliest();
    this.describe(layer, flat);
    for (const id of ["maps", "channel"]) this.$(id).hidden = flat;
    this.$("values").hidden = !flat;
    if (flat) {
      this.bars(layer);
    } else {
      this.maps(layer);
      this.$("channel").replaceChildren(...filterFigures(this));
    }
  }

  /** Adds a run to the times of the layers, at first some. */
  measure() {
    const last = [];
    do {
      this.network.run(last);
      this.times = this.times.map((time, index) => time + last[index]);
    } while (sum(this.times) < SHORTEST);
    const most = Math.max(...this.times) || 1;
    [...this.$("layers").children].forEach((tile, index) => {
      tile.setAttribute("aria-selected", index === this.layer);
      tile.lastChild.style.width = `${(100 * this.times[index]) / most}%`;
    });
    this.$("layers").setAttribute("aria-activedescendant", `layer-${this.layer}`);
  }

  describe(layer, flat) {
    const [height, width, channels] = layer.shape;
    const what = flat ? `${channels} numbers` : `${channels} maps of ${height}×${width}`;
    const share = ((100 * this.times[this.layer]) / sum(this.times)).toFixed(0);
    const bytes = (height * width * channels).toLocaleString("en");
    const text = `Layer ${this.layer + 1}: ${what}, ${bytes} bytes, ${layer.macs.toLocaleString("en")} MACs, ${share} % of the time.`;
    this.$("layer-title").textContent = text;
    const values = { valuemin: 1, valuemax: channels, valuenow: this.channel + 1, valuetext: `map ${this.channel + 1} of ${channels}` };
    for (const [name, value] of Object.entries(values)) this.$("maps").setAttribute(`aria-${name}`, value);
  }

  /** The map with the most contrast, apart from its edges: many others are dark for most pictures. */
  liveliest() {
    const [height, width, channels] = this.layers[this.layer].shape;
    const data = this.network.tensor(this.layer);
    const [top, left] = [height, width].map((side) => (side > 4 ? 1 : 0));
    const contrast = Array.from({ length: channels }, (_, channel) => {
      const values = [];
      for (let y = top; y < height - top; y++) {
        for (let x = left; x < width - left; x++) values.push(data[(y * width + x) * channels + channel]);
      }
      const mean = sum(values) / values.length;
      return sum(values.map((value) => (value - mean) ** 2));
    });
    return contrast.indexOf(Math.max(...contrast));
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
    const zoom = Math.max(1, Math.floor((GRID / columns - GAP) / width));
    const cell = zoom * Math.max(width, height) + GAP;
    this.grid = { columns, cell };
    const canvas = this.$("maps");
    Object.assign(canvas, { width: columns * cell, height: Math.ceil(channels / columns) * cell });
    const context = canvas.getContext("2d");
    for (let channel = 0; channel < channels; channel++) {
      const [x, y] = [(channel % columns) * cell, Math.floor(channel / columns) * cell];
      if (channel === this.channel) {
        context.fillStyle = "#e0812d";
        context.fillRect(x, y, zoom * width + 2 * GAP, zoom * height + 2 * GAP);
      }
    }
    for (let channel = 0; channel < channels; channel++) {
      const place = [(channel % columns) * cell + GAP, Math.floor(channel / columns) * cell + GAP];
      paint(context, this.map(this.layer, channel), ...place, zoom);
    }
  }

  /** A feature map as numbers from 0 to 1; layer -1 is the input. */
  map(index, channel) {
    const { input } = this.classifier.contract;
    const shape = index < 0 ? [input.height, input.width, input.channels] : this.layers[index].shape;
    const data = index < 0 ? this.network.input : this.network.tensor(index);
    const [height, width, channels] = shape;
    const values = Float32Array.from({ length: height * width }, (_, i) => data[i * channels + channel]);
    const [low, high] = index < 0 ? [-128, 127] : [Math.min(...values), Math.max(...values)];
    return { height, width, values: values.map((value) => (value - low) / (high - low || 1)) };
  }

  /** A layer of single numbers: of the last one each class. */
  bars(layer) {
    const { labels, output } = this.classifier.contract;
    const values = Array.from(this.network.tensor(this.layer));
    const last = this.layer === this.layers.length - 1;
    const rows = values.map((value, index) => [index, value, last ? (value - output.zero_point) * output.scale : value - layer.zero]);
    const most = Math.max(...rows.map((row) => Math.abs(row[2]))) || 1;
    const shown = rows.sort((a, b) => b[2] - a[2]).slice(0, MOST_VALUES);
    const [head, body] = ["thead", "tbody"].map((name) => document.createElement(name));
    const titles = ["number", "is", last ? "value" : "above zero", last ? "class" : ""];
    head.append(...titles.map((textContent) => Object.assign(document.createElement("th"), { textContent })));
    for (const [index, value, number] of shown) {
      const row = body.insertRow();
      const name = last || values.length === labels.length ? labels[index] ?? "" : "";
      for (const text of [index, value, last ? number.toFixed(3) : number, name]) row.insertCell().textContent = text;
      const bar = row.insertCell();
      bar.className = "bar";
      bar.append(document.createElement("i"));
      bar.firstChild.style.width = `${Math.max(0, (100 * number) / most)}%`;
    }
    this.$("values").replaceChildren(head, body);
  }
}

const sum = (values) => values.reduce((a, b) => a + b, 0);
