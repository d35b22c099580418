// SPDX-License-Identifier: MIT
// MicroPython for a board that has none: where its image is, what to press, and the installation by the board's tool.
import { get, installFirmware } from "./api.js";
import { button, el, redraw } from "./dom.js";
import { attempt, dialog, note } from "./notes.js";
import { store } from "./store.js";

/** Asks which board and which image, and starts the installation. `port` is where the board is, if that is known. */
export async function chooseFirmware(port = null) {
  const boards = await attempt(() => get("/api/boards"));
  if (boards) await dialog("Install MicroPython", (box) => new Firmware(boards, port, box).body());
}

class Firmware {
  constructor(boards, port, box) {
    Object.assign(this, { boards, box });
    const known = port?.board ?? "RPI_PICO2";
    this.board = el(
      "select",
      { onchange: () => this.draw() },
      boards.map(({ id, name }) => el("option", { value: id, selected: id === known }, name)),
    );
    const plugged = store.ports.filter(({ emulated }) => !emulated);
    this.port = el(
      "select",
      {},
      plugged.map((each) => el("option", { value: each.port, selected: each.port === port?.port }, each.name)),
      el("option", { value: "", selected: !port }, "none: the board shows a drive, or is in its bootloader"),
    );
    this.file = el("input", { type: "file", id: "firmware", class: "hidden", onchange: () => this.draw() });
    this.choose = el("label", { class: "button", for: "firmware" });
    this.steps = el("ol", { class: "list steps" });
    this.install = button("Install", "deploy", () => this.start(), { kind: "main" });
    this.draw();
  }

  body() {
    return [
      el("label", { class: "field" }, "Board", this.board),
      this.steps,
      el("label", { class: "field" }, "Port", this.port),
      el("div", { class: "buttons" }, el("span", {}, this.file, this.choose), this.install),
    ];
  }

  draw() {
    const { name, firmware } = this.boards.find(({ id }) => id === this.board.value);
    const file = this.file.files[0];
    this.file.accept = firmware.suffixes.join(",");
    this.choose.textContent = file?.name ?? `Image file (${firmware.suffixes.join(", ")})`;
    this.choose.hidden = this.install.hidden = !firmware.suffixes.length; // an SD card is written elsewhere
    this.install.disabled = !file;
    const link = el("a", { href: firmware.page, target: "_blank", rel: "noreferrer" }, "the board’s download page");
    redraw(
      this.steps,
      el("li", {}, `Download MicroPython for the ${name} from `, link, ". Nothing is downloaded by itself."),
      el("li", {}, `A board without MicroPython needs a hand. ${firmware.by_hand}`),
      firmware.suffixes.length > 0 && el("li", {}, "Choose the file, and install it."),
    );
  }

  start() {
    return attempt(async () => {
      await installFirmware(this.file.files[0], this.board.value, this.port.value);
      this.box.close();
      note("MicroPython is being installed: the work below the steps shows how far it is.");
    });
  }
}
