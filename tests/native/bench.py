# SPDX-License-Identifier: MIT
"""Calls kernels one by one as kernels/native.py on the board does, each buffer alone between guards.

    bench = Bench("rv32imc")
    layer = Layer(record, 3, kernel, model, source, whole=False)
    bench.run(layer, rng)            # the output's bytes

The arena begins at address 0, so that offsets in it are addresses, and input, output and scratch may lie
anywhere.
"""

from dataclasses import dataclass

import numpy as np
import pytest

from galago.native import qemu
from galago.native.cores import CORES, X64
from galago.native.kernels import ITEMS, ITEMS_X64, SMALL_INT_0, Kernel
from galago.native.machine import Machine
from galago.native.qemu import XtensaMachine
from galago.native.records import DEPTHWISE_CONV_2D, Record

STACK = 256  # bytes that a kernel may take, at most


@dataclass(frozen=True)
class Layer:
    """A layer to compute: whole, or row by row with no more rows of input than its window needs."""

    record: Record
    number: int
    kernel: Kernel
    model: bytes
    source: bytes
    whole: bool


def table(record: Record, model: bytes) -> np.ndarray:
    """Multiplier, shift and bias of each channel, as TFLM's QuantizeMultiplier gives them."""
    scales = np.ones(1, np.float32)
    if record.scales:
        scales = np.frombuffer(model, "<f4", record.out_c if record.scale_step else 1, record.scales)
    source, target = np.array([record.in_scale, record.out_scale], np.uint32).view(np.float32)
    factors = scales.astype(np.float64) * np.float64(source) / np.float64(target)
    fractions, shifts = np.frexp(np.broadcast_to(factors, record.out_c))
    multipliers = np.floor(fractions * (1 << 31) + 0.5).astype(np.int64)
    carried = multipliers == 1 << 31
    multipliers, shifts = np.where(carried, 1 << 30, multipliers), shifts + carried
    flushed = shifts < -31
    entries = np.zeros((record.out_c, 3), np.int32)
    entries[:, 0], entries[:, 1] = np.where(flushed, 0, multipliers), np.where(flushed, 0, shifts)
    if record.bias:
        entries[:, 2] = np.frombuffer(model, "<i4", record.out_c, record.bias)
    return entries


def machine(arch: str) -> Machine | XtensaMachine:
    """What runs an architecture's code here. The test is skipped where nothing does."""
    if arch == "xtensawin":
        if qemu.missing():
            pytest.skip(f"{qemu.missing()}")
        return XtensaMachine(strict=True)
    return Machine(X64 if arch == "x64" else CORES[arch], strict=True)


class Bench:
    """A machine for kernels of one architecture."""

    def __init__(self, arch: str) -> None:
        self.machine = machine(arch)
        self._word, self._items = ("<u8", ITEMS_X64) if arch == "x64" else ("<u4", ITEMS)
        self._codes: dict[bytes, int] = {}

    def run(self, layer: Layer, rng: np.random.Generator) -> bytes:
        """The output of a layer with weights. Raises GalagoError native.* where the kernel misbehaves."""
        record, machine = layer.record, self.machine
        line, row = record.in_w * record.in_c, record.out_w * record.out_c
        in_rows = record.in_h if layer.whole else min(record.in_h, record.k_h)
        out_rows = record.out_h if layer.whole else min(record.out_h, int(rng.integers(1, 4)))
        size = layer.kernel.scratch[layer.number][layer.whole]
        source = machine.place(layer.source[: in_rows * line], writable=True, name="the input")
        output = machine.place(bytes(out_rows * row), writable=True, name="the output")
        entries = table(record, layer.model).tobytes()
        scratch = machine.place(entries.ljust(size, b"\xa5"), writable=True, name="the scratch")
        regions = [source, output, scratch]
        words = list(record.words)
        for name, value in (
            ("input", source.address),
            ("input_rows", in_rows),
            ("output", output.address),
            ("output_rows", out_rows),
            ("scratch", scratch.address),
        ):
            words[Record.word(name)] = value
        self._record = machine.place(
            np.array(words, np.int64).astype(np.uint32).tobytes(), False, "the record"
        )
        regions.append(self._record)
        produced = bytearray()
        given = in_rows
        step = max(1, record.tile) if layer.whole else 1
        if layer.whole and record.operator == DEPTHWISE_CONV_2D:
            step = record.out_h
        for first in range(0, record.out_h, step):
            last = min(record.out_h, first + step)
            wanted = min(record.in_h, (last - 1) * record.s_h - record.p_t + record.k_h)
            while given < wanted:  # the ring takes the next row
                ring = bytearray(machine.read(source))
                at = given % in_rows * line
                ring[at : at + line] = layer.source[given * line :][:line]
                machine.write(source, bytes(ring))
                given += 1
            self._tile(layer, first, last, rng)
            rows = machine.read(output)
            for y in range(first, last):
                produced += rows[y % out_rows * row :][:row]
        for region in regions:
            machine.remove(region)
        return bytes(produced)

    def tables(self, functions: dict[str, Kernel], layer: Layer) -> np.ndarray:
        """The table that the kernels `scales` and `biases` write for a layer."""
        record, machine = layer.record, self.machine
        scratch = machine.place(bytes(12 * record.out_c), writable=True, name="the table")
        words = list(record.words)
        words[Record.word("scratch")] = scratch.address
        self._record = machine.place(
            np.array(words, np.int64).astype(np.uint32).tobytes(), False, "the record"
        )
        scales = np.float32(1).tobytes()  # as kernels/native.py has it
        if record.scales:
            scales = layer.model[record.scales :][: record.scale_step * record.out_c or 4]
        biases = layer.model[record.bias :][: 4 * record.out_c] if record.bias else b""
        self._call(functions["scales"], scales, 0, 0, 0, record.out_c)
        self._call(functions["biases"], biases, 0, 0, 0, record.out_c)
        found = np.frombuffer(machine.read(scratch), np.int32).reshape(-1, 3)
        for region in (scratch, self._record):
            machine.remove(region)
        return found

    def _tile(self, layer: Layer, first: int, last: int, rng: np.random.Generator) -> None:
        """Output rows first … last: all channels at once, or a group after the other."""
        record = layer.record
        if record.operator == DEPTHWISE_CONV_2D:
            size = record.k_h * record.k_w * record.out_c
            weights = layer.model[record.weights :][:size] if not first else b""
            self._call(layer.kernel, weights, first, last, 0, record.out_c)
            return
        group = record.out_c if rng.random() < 0.5 else 2 * int(rng.integers(1, 5))
        channel = 0
        while channel < record.out_c:
            stop = min(record.out_c, channel + group)
            if record.out_c - stop == 1:
                stop = record.out_c if stop - channel == 2 else stop - 2
            at = record.weights + channel * record.window
            weights = layer.model[at:][: (stop - channel) * record.window]
            self._call(layer.kernel, weights, first, last, channel, stop)
            channel = stop

    def _call(self, kernel: Kernel, weights: bytes, *rows_and_channels: int) -> None:
        machine = self.machine
        if kernel.code not in self._codes:
            self._codes[kernel.code] = machine.load(kernel.code)
        region = machine.place(weights, writable=False, name="the weights")
        items = [self._record.address, 0, region.address if weights else 0, *rows_and_channels]
        block = machine.place(np.array(items, self._word).tobytes(), False, "the block")
        pointer = np.array([block.address], self._word).tobytes()
        array = machine.place(bytes(self._items) + pointer, False, "the array")
        arguments = machine.place(np.array([array.address], self._word).tobytes(), False, "the arguments")
        # Rubbish for n_args and n_kw, which mean nothing.
        assert machine.call(self._codes[kernel.code], 0, 77, 55, arguments.address) == SMALL_INT_0
        assert machine.stack() <= STACK
        for placed in (region, block, array, arguments):
            machine.remove(placed)
