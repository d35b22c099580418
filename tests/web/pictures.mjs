// SPDX-License-Identifier: MIT
// node pictures.mjs DIR JS: reads each picture of DIR/cases.json into an input and writes it, or the error's code.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [folder, js] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(path.join(js, name)));
const [{ Memory }, { readFile }, { Resizer }] = await Promise.all(["memory.js", "picture.js", "resize.js"].map(load));
const { instance } = await WebAssembly.instantiate(fs.readFileSync(path.join(folder, "kernels.wasm")));
const { exports } = instance;
const start = exports.memory.buffer.byteLength;
for (const { file, input, out } of JSON.parse(fs.readFileSync(path.join(folder, "cases.json")))) {
  const size = input.height * input.width * input.channels;
  const memory = new Memory(exports.memory, start);
  const tensor = memory.take(size);
  const resizer = new Resizer(exports, memory, input);
  let result;
  try {
    const read = readFile(new Uint8Array(fs.readFileSync(file)), resizer, memory, tensor);
    result = read ? memory.bytes.slice(tensor, tensor + size) : "image.unsupported";
  } catch (error) {
    if (!error.code) throw error;
    result = error.code;
  }
  fs.writeFileSync(path.join(folder, out), result);
}
