// SPDX-License-Identifier: MIT
// node web_networks.mjs DIR JS: runs the cases in DIR and writes what each computes (test_web_networks.py).
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [folder, js] = process.argv.slice(2);
const { Network } = await import(pathToFileURL(path.join(js, "engine.js")));
for (const { name, simd } of JSON.parse(fs.readFileSync(path.join(folder, "cases.json")))) {
  const file = (kind) => fs.readFileSync(path.join(folder, `${name}.${kind}`));
  const program = JSON.parse(file("json"));
  const network = await Network.load(program, file("kernels"), file("simd"), file("tflite"), simd);
  const inputs = new Int8Array(file("inputs"));
  const out = [];
  for (let at = 0; at < inputs.length; at += program.size) {
    network.input.set(inputs.subarray(at, at + program.size));
    network.run();
    program.layers.forEach((_, layer) => out.push(Buffer.from(network.tensor(layer))));
  }
  fs.writeFileSync(path.join(folder, `${name}.${simd ? "simd" : "plain"}.out`), Buffer.concat(out));
}
