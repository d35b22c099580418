// SPDX-License-Identifier: MIT
// The memory of a WebAssembly module beyond what the model needs: buffers for one picture at a time.

const PAGE = 65536;

export class Memory {
  constructor(memory, start) {
    this.memory = memory;
    this.start = this.end = start;
  }

  get buffer() {
    return this.memory.buffer;
  }

  get bytes() {
    return new Uint8Array(this.memory.buffer);
  }

  /** Frees all buffers. */
  clear() {
    this.end = this.start;
  }

  /** The address of `size` new bytes, which are 0; views of the memory made before are no longer valid. */
  take(size) {
    const at = this.end;
    this.end = (at + size + 15) & -16;
    const missing = this.end - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / PAGE));
    this.bytes.fill(0, at, this.end);
    return at;
  }

  /** The address of a copy of a typed array. */
  put(array) {
    const at = this.take(array.byteLength);
    this.bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at);
    return at;
  }
}
