// SPDX-License-Identifier: MIT
// The camera: calls back for each frame until it is stopped or frozen, and says in words why there is none.

const REASONS = {
  NotAllowedError: "The camera was refused: allow it in the browser’s settings of this page, or choose a photo.",
  NotFoundError: "No camera was found: choose a photo.",
  NotReadableError: "The camera is in use by another program: close that, or choose a photo.",
  OverconstrainedError: "There is no other camera.",
};

export class Camera {
  constructor(onFrame) {
    this.onFrame = onFrame;
    this.video = Object.assign(document.createElement("video"), { playsInline: true, muted: true });
    this.facing = "environment";
    this.running = this.frozen = this.several = false;
  }

  /** Starts the camera, or the other one. Raises an Error whose message is for the user. */
  async start(other) {
    if (other) this.facing = this.facing === "environment" ? "user" : "environment";
    this.stop();
    try {
      const video = { facingMode: { ideal: this.facing }, width: { ideal: 640 }, height: { ideal: 480 } };
      this.video.srcObject = await navigator.mediaDevices.getUserMedia({ video });
      await this.video.play();
      const devices = await navigator.mediaDevices.enumerateDevices();
      this.several = devices.filter((device) => device.kind === "videoinput").length > 1;
    } catch (error) {
      this.stop();
      throw new Error(REASONS[error.name] ?? `The camera does not start (${error.message}): choose a photo.`);
    }
    this.running = true;
    this.loop();
  }

  stop() {
    for (const track of this.video.srcObject?.getTracks() ?? []) track.stop();
    this.video.srcObject = null;
    this.running = this.frozen = false;
  }

  async loop() {
    const stream = this.video.srcObject;
    while (this.running && this.video.srcObject === stream) {
      if (!this.frozen && this.video.readyState >= 2) await this.onFrame();
      await new Promise(requestAnimationFrame);
    }
  }
}
