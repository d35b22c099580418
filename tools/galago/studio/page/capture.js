// SPDX-License-Identifier: MIT
// The webcam: hold to record, a burst, or after a countdown. What lies outside the square is cut off for the model.
import { button, el } from "./dom.js";
import { dialog } from "./notes.js";
import { addFiles, pendingPhotos } from "./upload.js";
import { plural } from "./words.js";

const PER_SECOND = 6;
const BURST = 20;
const COUNTDOWN = 3;
const MOST_PENDING = 30;
const REASONS = {
  NotAllowedError: "The browser was not allowed to use the camera: allow it in the address bar, then press Try again.",
  NotFoundError: "This computer has no camera. Add photos with a phone, or as files.",
  NotReadableError: "Another program uses the camera: close it, then press Try again.",
  OverconstrainedError: "That camera is gone: choose another one.",
};

class Capture {
  constructor(each, box, source) {
    this.class = each;
    this.source = source;
    this.box = box;
    this.taken = 0;
    this.video = el("video", { playsinline: true, muted: true });
    this.video.muted = true;
    this.devices = el("select", { "aria-label": "Camera", onchange: () => this.start(this.devices.value) });
    this.status = el("p", { class: "soft number", role: "status" }, "Starting the camera …");
    this.big = el("span", { class: "countdown", "aria-live": "assertive" });
    this.hold = button("Hold to record", "camera", null, { kind: "main" });
    this.burst = button(`Burst of ${BURST}`, null, () => this.record(BURST));
    this.later = button(`In ${COUNTDOWN} seconds`, null, () => this.countdown());
    this.again = button("Try again", null, () => this.start(), { hidden: true });
    this.listen();
  }

  body() {
    const view = el("div", { class: "viewfinder" }, this.video, el("i", { class: "crop" }), this.big);
    return [
      view,
      el(
        "p",
        { class: "soft" },
        "The model sees only what is inside the square. Move and turn the object, and vary the background.",
      ),
      this.devices,
      el("div", { class: "buttons" }, this.hold, this.burst, this.later, this.again),
      this.status,
    ];
  }

  listen() {
    const begin = (event) => {
      event.preventDefault?.();
      if (!this.holding) this.record(Infinity);
    };
    const end = () => (this.holding = false);
    this.hold.onpointerdown = begin;
    this.hold.onkeydown = (event) => [" ", "Enter"].includes(event.key) && !event.repeat && begin(event);
    this.hold.onkeyup = end;
    this.hold.onblur = end;
    for (const type of ["pointerup", "pointercancel"]) this.box.addEventListener(type, end);
  }

  async start(deviceId) {
    this.stop();
    this.again.hidden = true;
    this.enable(false);
    try {
      if (!navigator.mediaDevices)
        throw new Error("The browser gives the camera only to pages on this computer (localhost) or on https.");
      const video = {
        width: { ideal: 640 },
        height: { ideal: 480 },
        ...(deviceId ? { deviceId: { exact: deviceId } } : {}),
      };
      this.stream = await navigator.mediaDevices.getUserMedia({ video });
      if (!this.box.open) return this.stop();
      this.video.srcObject = this.stream;
      await this.video.play();
    } catch (error) {
      this.status.textContent = REASONS[error.name] ?? `The camera does not start: ${error.message}`;
      this.again.hidden = false;
      return undefined;
    }
    await this.listDevices();
    this.status.textContent = "Ready.";
    this.enable(true);
    this.hold.focus();
    return undefined;
  }

  async listDevices() {
    const cameras = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
    const current = this.stream.getVideoTracks()[0].getSettings().deviceId;
    this.devices.replaceChildren(
      ...cameras.map(({ deviceId, label }, at) =>
        el("option", { value: deviceId, selected: deviceId === current }, label || `Camera ${at + 1}`),
      ),
    );
    this.devices.hidden = cameras.length < 2;
  }

  enable(on) {
    for (const each of [this.hold, this.burst, this.later]) each.disabled = !on;
  }

  stop() {
    this.holding = false;
    for (const track of this.stream?.getTracks() ?? []) track.stop();
  }

  async countdown() {
    this.enable(false);
    for (let left = COUNTDOWN; left && this.box.open; left--) {
      this.big.textContent = left;
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    this.big.textContent = "";
    this.enable(true);
    if (this.box.open) await this.record(BURST);
  }

  /** Takes photos at a steady rate, and waits when they come faster than they can be stored. */
  async record(count) {
    this.holding = true;
    for (let left = count; left && this.holding && this.box.open; left--) {
      const due = performance.now() + 1000 / PER_SECOND;
      await this.take();
      while (performance.now() < due || pendingPhotos() > MOST_PENDING)
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
    this.holding = false;
  }

  async take() {
    const canvas = new OffscreenCanvas(this.video.videoWidth, this.video.videoHeight);
    canvas.getContext("2d").drawImage(this.video, 0, 0);
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
    addFiles(this.class.id, [new File([blob], `webcam-${this.taken}.jpg`, { type: "image/jpeg" })], this.source);
    this.taken++;
    this.status.textContent = `${plural(this.taken, "photo")} taken.`;
  }
}

/** Opens the camera for a class, until the dialog is closed. */
export async function openCamera(each, source = "webcam") {
  let capture;
  await dialog(
    `Photos of ${each.name}`,
    (box) => {
      capture = new Capture(each, box, source);
      capture.start();
      return capture.body();
    },
    { kind: "wide" },
  );
  capture.stop();
}
