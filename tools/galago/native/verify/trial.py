# SPDX-License-Identifier: MIT
"""Tries the kernels of one layer on an emulated core, each buffer alone between guard pages.

    trial = Trial(model_bytes, "armv7emsp")
    trial.run(0, picture)                   # the bytes of the output, in one call
    trial.run(0, picture, rows=True)        # row by row, input and output in rings, as in a chain
    trial.run(0, picture, group=4)          # weights passed in pieces, as when they are streamed
    trial.stack                             # most bytes of stack that a call used
    trial.addresses                         # of the code of each kernel

It does what firmware/mobilenet/tflite/kernels/native.py does, except that input, output, scratch, record and
weights are separate buffers, not parts of an arena: an access outside them is GalagoError native.bounds.
"""

from typing import TYPE_CHECKING

import numpy as np

from galago.errors import GalagoError
from galago.native.kernels import ITEMS, ITEMS_X64, Kernel, generate
from galago.native.verify import machines
from galago.native.verify.cores import X64
from galago.native.verify.memory import Region
from galago.tflite import records
from galago.tflite.records import CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, Record

if TYPE_CHECKING:
    from galago.native.verify.machine import Machine

_BASE = 0x2000_0000  # the address that stands for the arena's
_CONVOLUTIONS = (CONV_2D, FULLY_CONNECTED)


class Trial:
    """The kernels of a model on one core, `compact` or not (galago.native.kernels.generate)."""

    def __init__(
        self,
        model: bytes,
        arch: str,
        strict: bool = False,
        machine: "Machine | None" = None,
        compact: bool = False,
    ) -> None:
        self.machine = machine or machines.create(arch, strict)
        self.records = records.read(model)
        self.kernels: list[Kernel] = generate(self.records, arch, compact)
        self.stack = 0
        self.model = model
        self.addresses = {kernel.name: self.machine.load(kernel.code) for kernel in self.kernels}
        self._pointer, items = (8, ITEMS_X64) if arch == X64.arch else (4, ITEMS)
        self._block = self.machine.place(bytes(7 * self._pointer), writable=False, name="the block")
        array = bytes(items) + _words(self._block.address, size=self._pointer)
        self._array = self.machine.place(array, writable=False, name="the array")
        arguments = _words(self._array.address, size=self._pointer)
        self._arguments = self.machine.place(arguments, writable=False, name="the arguments")

    def kernel(self, layer: int) -> Kernel | None:
        """The generated kernel of a layer, or None: compiled ones run in a whole engine (count.py)."""
        compiled = self.records[layer].kernel
        found = (one for one in self.kernels if layer in one.scratch and one.name != compiled)
        return next(found, None)

    def run(self, layer: int, picture: bytes, *, rows: bool = False, group: int = 1 << 20) -> bytes:
        """The output of a layer for its input, both as int8 bytes. Raises GalagoError native.*."""
        kernel = self.kernel(layer)
        if not kernel:
            raise GalagoError("native.call", f"no generated kernel computes layer {layer}")
        record = self.records[layer]
        buffers = _Buffers(self.machine, record, picture, kernel.scratch[layer][not rows], rows)
        output = bytearray()
        step = 1 if rows else record.tile if record.operator in _CONVOLUTIONS else record.out_h
        for first in range(0, record.out_h, step):
            last = min(record.out_h, first + step)
            buffers.feed(first)
            if not first and record.weights:
                self._table(buffers)
            for start, stop, weights in self._weights(record, first, group):
                self._call(kernel.name, buffers, weights, first, last, start, stop)
            output += buffers.rows(first, last)
        buffers.remove()
        return bytes(output)

    def table(self, layer: int) -> bytes:
        """The table of a layer, as the kernels `scales` and `biases` fill it."""
        record = self.records[layer]
        buffers = _Buffers(self.machine, record, b"", 12 * record.out_c, rows=False)
        self._table(buffers)
        filled = self.machine.read(buffers.scratch)
        buffers.remove()
        return filled

    def _table(self, buffers: "_Buffers") -> None:
        """Fills the table as the engine does, or with the kernels that replace this."""
        record, channels = buffers.record, buffers.record.out_c
        biases = self.model[record.bias :][: 4 * channels] if record.bias else bytes(4 * channels)
        if "scales" not in self.addresses:
            entries = zip(record.multipliers, record.shifts, np.frombuffer(biases, "<i4"), strict=True)
            table = np.array([entry if entry[1] >= -31 else (0, 0, entry[2]) for entry in entries], "<i4")
            scratch = self.machine.read(buffers.scratch)
            self.machine.write(buffers.scratch, table.tobytes() + scratch[table.nbytes :])
            return
        scales = np.ones(1, "<f4").tobytes()
        if record.scales:
            scales = self.model[record.scales :][: 4 * channels if record.scale_step else 4]
        self._call("scales", buffers, scales, 0, 0, 0, channels)
        self._call("biases", buffers, biases if record.bias else None, 0, 0, 0, channels)

    def _weights(self, record: Record, first: int, group: int):
        """Yields first channel, last channel + 1 and weights of each call for some rows."""
        if record.operator == DEPTHWISE_CONV_2D:
            size = record.k_h * record.k_w * record.out_c
            yield 0, record.out_c, None if first else self.model[record.weights :][:size]
        elif record.operator in _CONVOLUTIONS:
            start = 0
            while start < record.out_c:
                stop = min(record.out_c, start + group)
                if record.out_c - stop == 1:
                    stop -= 2
                at = record.weights + start * record.window
                yield start, stop, self.model[at : at + (stop - start) * record.window]
                start = stop
        else:
            yield 0, 0, None

    def _call(self, name: str, buffers: "_Buffers", constants: bytes | None, *numbers: int) -> None:
        region = self.machine.place(constants, writable=False, name="constants") if constants else None
        address = region.address if region else 0
        block = _words(buffers.words.address, _BASE, address, *numbers, size=self._pointer)
        self.machine.write(self._block, block)
        if self.machine.call(self.addresses[name], 0, 1, 0, self._arguments.address) != 1:
            raise GalagoError("native.convention", f"{name} did not return an object")
        self.stack = max(self.stack, self.machine.stack())
        if region:
            self.machine.remove(region)


class _Buffers:
    """The buffers that a layer reads and writes, each in its own region."""

    def __init__(self, machine: "Machine", record: Record, picture: bytes, scratch: int, rows: bool) -> None:
        self.machine, self.record, self._picture = machine, record, picture
        self._input_rows = min(record.in_h, record.k_h) if rows else record.in_h
        self._output_rows = 1 if rows else record.out_h
        self._line = record.in_w * record.in_c
        self._line_out = record.out_w * record.out_c
        self.input = machine.place(bytes(self._input_rows * self._line), writable=True, name="the input")
        self.output = machine.place(
            bytes(self._output_rows * self._line_out), writable=True, name="the output"
        )
        # Garbage, as in memory that was used before.
        garbage = np.random.default_rng(1).bytes(scratch)
        self.scratch = machine.place(garbage, writable=True, name="the scratch")
        words = list(record.words)
        for name, value in (
            ("input", self.input.address - _BASE),
            ("input_rows", self._input_rows),
            ("output", self.output.address - _BASE),
            ("output_rows", self._output_rows),
            ("scratch", self.scratch.address - _BASE),
            ("second", self.input.address - _BASE),
        ):
            words[Record.word(name)] = value
        self.words = machine.place(_words(*words), writable=False, name="the record")

    def feed(self, first: int) -> None:
        """Stores the input rows that are available when output row `first` is computed."""
        record = self.record
        available = record.in_h
        if self._input_rows < record.in_h:
            available = min(record.in_h, first * record.s_h - record.p_t + record.k_h)
        ring = bytearray(self.machine.read(self.input))
        for row in range(max(0, available - self._input_rows), available):
            at = row % self._input_rows * self._line
            ring[at : at + self._line] = self._picture[row * self._line : (row + 1) * self._line]
        self.machine.write(self.input, bytes(ring))

    def rows(self, first: int, last: int) -> bytes:
        """Output rows first … last - 1, as bytes."""
        at = first % self._output_rows * self._line_out
        return self.machine.read(self.output)[at : at + (last - first) * self._line_out]

    def remove(self) -> None:
        """Removes all buffers from the machine's memory."""
        regions: tuple[Region, ...] = (self.input, self.output, self.scratch, self.words)
        for region in regions:
            self.machine.remove(region)


def _words(*values: int, size: int = 4) -> bytes:
    return b"".join((value & (1 << 8 * size) - 1).to_bytes(size, "little") for value in values)
