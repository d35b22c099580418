// SPDX-License-Identifier: MIT
// The camera: calls back for each frame until it is stopped or frozen, and says in words why there is none.

const REASONS = {
  NotAllowedError: "The camera was refused: allow it in the browser’s settings of this page, or choose a photo.",
  NotFoundError: "No camera was found: choose a photo.",
  NotReadableError: "The camera is in use by another program: close that, or choose a photo.",
  OverconstrainedError: "This camera is gone: choose another one.",
};

export class Camera {
  constructor(onFrame) {
    this.onFrame = onFrame;
    this.video = Object.assign(document.createElement("video"), { playsInline: true, muted: true });
    this.running = this.frozen = false;
    this.id = ""; // of the camera in use
    this.names = {}; // of all cameras by their ids; browsers tell them once a camera is allowed
  }

  /** Starts a camera: the one with this id, or the one in use before, or that of the back. Raises an Error whose message is for the user. */
  async start(id = this.id) {
    this.stop();
    try {
      const which = id ? { deviceId: { exact: id } } : { facingMode: { ideal: "environment" } };
      const video = { ...which, width: { ideal: 640 }, height: { ideal: 480 } };
      this.video.srcObject = await navigator.mediaDevices.getUserMedia({ video });
      await this.video.play();
      this.id = this.video.srcObject.getVideoTracks()[0].getSettings().deviceId;
      this.names = cameraNames(await navigator.mediaDevices.enumerateDevices());
    } catch (error) {
      this.stop();
      this.id = "";
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

/** Android's "camera2 1, facing front" becomes "front camera"; a second one of a name gets a number. */
function cameraNames(devices) {
  const names = {};
  const counts = {};
  for (const { deviceId, kind, label } of devices) {
    if (kind !== "videoinput") continue;
    const name = label.replace(/^camera.* facing (front|back)$/, "$1 camera") || "camera";
    counts[name] = (counts[name] ?? 0) + 1;
    names[deviceId] = counts[name] > 1 ? `${name} ${counts[name]}` : name;
  }
  return names;
}
