// SPDX-License-Identifier: MIT
// The page: a picture from the camera, a file, a drop or the clipboard, and what the network says to it.
import { Camera } from "./camera.js";
import { Classifier } from "./classifier.js";
import { Inside } from "./inside.js";
import { crop, percent, saveResult } from "./share.js";

const $ = (id) => document.getElementById(id);
const WARM_UP = 60; // milliseconds
const SPOKEN_EVERY = 2000; // milliseconds: a screen reader need not hear every frame

class Page {
  constructor(classifier) {
    this.classifier = classifier;
    this.inside = new Inside(classifier, $);
    this.camera = new Camera(() => this.frame());
    this.source = null;
    this.times = [];
    this.answers = 0;
    this.spoken = 0;
    const { height, width } = classifier.contract.input;
    Object.assign($("view"), { width: 480, height: Math.round((480 * height) / width) });
    $("camera").onclick = () => this.toggleCamera();
    $("cameras").onchange = () => this.start($("cameras").value);
    $("freeze").onclick = () => this.freeze();
    $("share").onclick = () => saveResult($("view"), this.result, classifier.contract.name);
    $("pixels").onchange = () => this.draw();
    $("file").onchange = () => this.file($("file").files[0]);
    $("inside").ontoggle = () => this.inside.show(this.result);
    if (!navigator.mediaDevices) {
      $("camera").hidden = true;
      $("file").setAttribute("capture", "environment");
      $("empty").lastChild.textContent = "Choose, drop or paste a photo. The browser gives the camera only to pages on https or from a file.";
    }
    this.listen();
  }

  listen() {
    addEventListener("paste", (event) => this.file([...event.clipboardData.files][0]));
    addEventListener("dragover", (event) => {
      event.preventDefault();
      $("frame").classList.add("over");
    });
    addEventListener("dragleave", () => $("frame").classList.remove("over"));
    addEventListener("drop", (event) => {
      event.preventDefault();
      $("frame").classList.remove("over");
      this.file(event.dataTransfer.files[0]);
    });
    addEventListener("keydown", (event) => {
      const free = !event.target.closest("button, input, select, summary, label, [tabindex]");
      if (event.key === " " && free && this.camera.running) {
        event.preventDefault();
        this.freeze();
      }
    });
  }

  async toggleCamera() {
    if (this.camera.running) {
      this.camera.stop();
      this.controls();
    } else {
      await this.start();
    }
  }

  async start(id) {
    try {
      await this.camera.start(id);
      this.error("");
    } catch (error) {
      this.error(error.message);
      $("file").setAttribute("capture", "environment");
    }
    this.controls();
  }

  freeze() {
    this.camera.frozen = !this.camera.frozen;
    this.controls();
  }

  controls() {
    const { running, frozen, id, names } = this.camera;
    $("camera").textContent = running ? "Stop camera" : "Start camera";
    $("freeze").hidden = !running;
    $("freeze").textContent = frozen ? "Continue" : "Freeze";
    $("freeze").setAttribute("aria-pressed", frozen);
    $("badge").hidden = !(running && frozen);
    $("cameras").hidden = !running || Object.keys(names).length < 2;
    $("cameras").replaceChildren(...Object.entries(names).map(([value, name]) => new Option(name, value, false, value === id)));
  }

  async frame() {
    await this.look(this.camera.video, this.camera.video);
  }

  async file(file) {
    if (!file) return;
    this.camera.stop();
    this.controls();
    this.times = [];
    let shown = null;
    try {
      shown = await createImageBitmap(file, { imageOrientation: "from-image" });
    } catch {
      // A PPM, which boards read and browsers do not, or no picture at all: `look` tells which.
    }
    await this.look(file, shown);
    $("file").value = "";
  }

  async look(source, shown) {
    try {
      this.result = await this.classifier.classify(source);
      this.error("");
    } catch (error) {
      this.error(error.message);
      return;
    }
    this.source = shown;
    $("empty").hidden = true;
    $("share").hidden = false;
    this.draw();
    this.answer();
    this.answers++;
    if ($("inside").open) this.inside.show(this.result);
  }

  draw() {
    if (!this.result) return;
    const view = $("view");
    const small = $("pixels").checked || !this.source;
    view.classList.toggle("pixelated", small);
    if (small) view.getContext("2d").putImageData(this.inside.inputPixels(view), 0, 0);
    else crop(view, this.source, this.classifier.contract.input.resize);
  }

  answer() {
    const { top, unknown, decodedBy, ms } = this.result;
    const [best] = top;
    const title = unknown ? "unknown" : best.label;
    const more = unknown ? `most like ${best.label}, ${percent(best)}, too little to say so` : percent(best);
    $("best").replaceChildren(title, Object.assign(document.createElement("small"), { textContent: more }));
    if (performance.now() - this.spoken > SPOKEN_EVERY || !this.camera.running) {
      this.spoken = performance.now();
      $("spoken").textContent = `${title}, ${more}`;
    }
    if ($("bars").children.length !== top.length) {
      $("bars").innerHTML = "<li><span><i></i><span></span></span><span></span></li>".repeat(top.length);
    }
    top.forEach((each, row) => {
      const [named, number] = $("bars").children[row].children;
      const [bar, label] = named.children;
      bar.style.width = `${100 * each.confidence}%`;
      label.textContent = each.label;
      number.textContent = percent(each);
    });
    this.times = [...this.times.slice(-30), ms.network];
    const median = [...this.times].sort((a, b) => a - b)[this.times.length >> 1];
    const decoder = this.camera.running ? "" : decodedBy === "board" ? "decoded by the board’s own decoder · " : "decoded by the browser; boards do not read this format · ";
    const way = this.classifier.network.simd ? "" : " · without SIMD, which this browser lacks";
    $("time").textContent = `${decoder}network ${median.toFixed(2)} ms, picture ${ms.picture.toFixed(1)} ms${way}`;
  }

  /** As an app: keeps its files on the device. */
  async install() {
    if (!document.querySelector("link[rel=manifest]")) return;
    try {
      await navigator.serviceWorker.register("service-worker.js");
      await navigator.serviceWorker.ready;
      $("offline").hidden = false;
    } catch {
      // The browser has no service workers here (plain http, a file): the page works, but not without its server.
    }
  }

  error(text) {
    if ($("error").textContent !== text) $("error").textContent = text;
  }
}

async function start() {
  try {
    const bundle = JSON.parse($("bundle").textContent);
    const classifier = await Classifier.load(bundle);
    // A browser compiles better code for functions that run often.
    for (const end = performance.now() + WARM_UP; performance.now() < end; ) classifier.network.run();
    globalThis.galago = new Page(classifier);
    performance.mark("ready");
    $("best").textContent = "Ready.";
    globalThis.galago.install();
  } catch (error) {
    $("error").textContent = `This browser cannot run the model (${error.message}): use one of the last five years.`;
  }
}

start();
