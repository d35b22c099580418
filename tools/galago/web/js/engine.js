// SPDX-License-Identifier: MIT
// Runs a model: the calls of the device's kernels, recorded on the host, on the memory of a WebAssembly module.
import { Memory } from "./memory.js";
import { pack } from "./pack.js";

const ENTRIES = "conv_2d.entries"; // writes multipliers, shifts and biases

/** A model that is ready to run. Its tensors are views: they change with the next run. */
export class Network {
  /** `program` is the description of galago.web.program, `model` the bytes of the .tflite. */
  static async load(program, kernels, simd, model, useSimd = true) {
    const { instance } = await WebAssembly.instantiate(kernels);
    const memory = new Memory(instance.exports.memory, program.end);
    let fast = null;
    if (useSimd && WebAssembly.validate(simd)) {
      const imports = { env: { memory: instance.exports.memory } };
      fast = (await WebAssembly.instantiate(simd, imports)).instance.exports;
    }
    return new Network(program, instance.exports, fast, memory, model);
  }

  constructor(program, functions, fast, memory, model) {
    this.program = program;
    this.functions = functions;
    this.memory = memory;
    this.simd = fast !== null;
    memory.bytes.set(model, program.model);
    this.steps = program.layers.map((layer) => {
      if (!fast || !layer.fast) return bind(functions, layer.calls);
      for (const call of bind(functions, layer.calls.filter(([name]) => name === ENTRIES))) call();
      pack(memory, layer.fast);
      return bind(fast, layer.fast.calls);
    });
  }

  /** The input: int8 of the model's height × width × channels. */
  get input() {
    return this.tensorAt(this.program.input, this.program.size);
  }

  get output() {
    return this.tensor(this.program.layers.length - 1);
  }

  /** What a layer wrote. */
  tensor(layer) {
    const { output, shape } = this.program.layers[layer];
    return this.tensorAt(output, shape[0] * shape[1] * shape[2]);
  }

  tensorAt(address, size) {
    return new Int8Array(this.memory.buffer, address, size);
  }

  /** Computes all layers; `times`, if given, gets the milliseconds of each. */
  run(times) {
    this.steps.forEach((calls, layer) => {
      const start = times && performance.now();
      for (const call of calls) call();
      if (times) times[layer] = performance.now() - start;
    });
  }
}

function bind(functions, calls) {
  return calls.map(([name, ...values]) => {
    const callee = functions[name];
    return () => callee(...values);
  });
}
