// SPDX-License-Identifier: MIT
// node node.mjs [plain]: answers requests, one JSON object a line, with the model beside it (galago.web.node).
import { createHash } from "node:crypto";
import fs from "node:fs";
import readline from "node:readline";
import { load } from "./exported.mjs";

const net = await load({ simd: process.argv[2] !== "plain" });

async function classify({ picture, top }) {
  const start = performance.now();
  const file = new Blob([fs.readFileSync(picture)]);
  const read = performance.now() - start;
  try {
    const { top: ranked, unknown, ms } = await net.classify(file, top);
    const us = { read, resize: ms.picture, invoke: ms.network };
    for (const part in us) us[part] = Math.round(1000 * us[part]);
    return { top: ranked, unknown, us };
  } catch ({ code, message, stack }) {
    if (!/^image\./.test(code)) throw new Error(stack);
    return { error: { code, message } };
  }
}

/** A digest of what each layer makes of an input, int8 in base64. */
function layers({ input }) {
  const { network } = net;
  network.input.set(Buffer.from(input, "base64"));
  network.run();
  const digest = (bytes) => createHash("sha256").update(bytes).digest("hex");
  return { layers: network.program.layers.map(({ tensor }, layer) => ({ tensor, sha256: digest(network.tensor(layer)) })) };
}

console.log(JSON.stringify({ version: process.version, simd: net.network.simd }));
for await (const line of readline.createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  console.log(JSON.stringify(request.picture ? await classify(request) : layers(request)));
}
