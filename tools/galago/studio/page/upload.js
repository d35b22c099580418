// SPDX-License-Identifier: MIT
// Photos on their way to the server: three at a time, with one note that counts them and a list of what was refused.
import { addPhoto } from "./api.js";
import { button, el } from "./dom.js";
import { dialog, note } from "./notes.js";
import { plural } from "./words.js";

const AT_ONCE = 3;

class Uploads {
  waiting = [];
  refused = [];
  running = (this.done = this.total = this.duplicates = 0);

  add(items) {
    this.waiting.push(...items);
    this.total += items.length;
    while (this.running < AT_ONCE && this.waiting.length) this.work();
  }

  async work() {
    this.running++;
    while (this.waiting.length) {
      const { classId, file, source } = this.waiting.shift();
      try {
        const { duplicates, refused } = await addPhoto(classId, file, source);
        if (source === "file") this.duplicates += duplicates; // a burst is expected to have some
        this.refused.push(...refused.map(({ name, error }) => ({ name: name || file.name, message: error.message })));
      } catch (error) {
        this.refused.push({ name: file.name || "photo", message: error.message });
        if (error.code === "server.gone") this.stop();
      }
      this.done++;
      this.say();
    }
    this.running--;
    if (!this.running) this.finish();
  }

  stop() {
    this.refused.push(...this.waiting.map(({ file }) => ({ name: file.name, message: "not sent" })));
    this.waiting = [];
  }

  say() {
    if (this.total < 4) return;
    this.shown ??= note("");
    this.shown.say(`Adding photos: ${this.done} of ${this.total}`);
  }

  finish() {
    this.shown?.close();
    const { refused, duplicates } = this;
    Object.assign(this, { refused: [], done: 0, total: 0, duplicates: 0, shown: null });
    if (duplicates) note(`${plural(duplicates, "near-duplicate")} added: each teaches the model little.`);
    if (!refused.length) return;
    const more = button("Why?", null, () =>
      dialog(`${plural(refused.length, "file")} not added`, () =>
        el(
          "ul",
          { class: "list" },
          refused.map(({ name, message }) => el("li", {}, el("b", {}, name), el("br"), message)),
        ),
      ),
    );
    const text =
      refused.length === 1
        ? `${refused[0].name}: ${refused[0].message}`
        : `${plural(refused.length, "file")} could not be added.`;
    note(text, { kind: "bad", action: refused.length > 1 ? more : null });
  }
}

const uploads = new Uploads();

/** Adds files (pictures or zips) to a class. `source` is webcam, file, board or phone. */
export function addFiles(classId, files, source) {
  uploads.add([...files].map((file) => ({ classId, file, source })));
}

/** How many photos are on their way. */
export const pendingPhotos = () => uploads.total - uploads.done;

/** Returns the files of a drop, also those in dropped folders. */
export async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  return (await Promise.all(entries.map(filesOf))).flat();
}

async function filesOf(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return (await Promise.all(found.map(filesOf))).flat();
    found.push(...some);
  }
}
