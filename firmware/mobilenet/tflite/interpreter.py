# SPDX-License-Identifier: MIT
"""Loads a model, keeps its memory, runs its layers."""

import gc
import sys
from array import array

from micropython import const

from ..errors import GalagoError

RECORD = const(32)
# Words of a layer's record (graph.py).
_OUTPUT = const(2)
_OUTPUT_ROWS = const(3)
_IN_H = const(6)
_IN_W = const(7)
_IN_C = const(8)
_OUT_H = const(9)
_OUT_W = const(10)
_OUT_C = const(11)
_K_H = const(12)
_K_W = const(13)
_S_H = const(14)
_P_T = const(16)
_OPERATOR = const(31)

_DEPTHWISE = const(4)
_MULTIPLIERS = (3, 4, 9)  # CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED in the schema

_SPARE = const(16384)  # bytes of heap to leave free beside weights in RAM
_PIECE = const(4096)  # bytes of weights to stream at once, at least


class Interpreter:
    """A full-int8 .tflite classifier, ready to run.

    `model` is a path, or the model itself in a bytes-like object, which is used in place and must not
    change. `weights` says where a file's weights are to be: "place" (a ROMFS lends its bytes), "ram", or
    "stream" (read from the file layer by layer); by default the first of these that is possible. `memory`
    is the most bytes that the engine may take, weights aside. Raises GalagoError model.missing,
    model.malformed, model.operator, model.quantization, memory.arena or memory.heap.

    input, output   writable memoryviews of int8 as raw bytes: element & 255, so -128 reads 128. They may
                    share memory: fill the input anew before each invoke, and read the output before that
    input_shape, output_shape, input_scale, input_zero_point, output_scale, output_zero_point
    weights         where they are: "place", "ram" or "stream"
    arena_bytes     what the engine takes, weights aside
    macs            multiplications of one inference
    """

    def __init__(self, model, weights=None, memory=None):
        # All that `close` writes is there beforehand: it must not take memory where there is none.
        self._file = self._model = self.input = self.output = self.arena = self.plan = None
        self._runs = self._ends = ()
        try:
            self._load(model, weights, memory)
        except MemoryError:
            self.close()
            gc.collect()
            raise GalagoError(
                "memory.heap",
                "%d bytes of heap are too few to load the model: take a smaller one" % gc.mem_free(),
            )
        except GalagoError:
            self.close()
            raise

    def _load(self, model, weights, memory):
        gc.collect()
        from .arena import Layout
        from .flatbuffer import Flatbuffer
        from .graph import Graph

        if isinstance(model, str):
            try:
                model = self._file = open(model, "rb")  # noqa: SIM115
            except OSError as error:
                raise GalagoError("model.missing", "%s cannot be opened (error %d)" % (model, error.errno))
        data = Flatbuffer(model)
        graph = Graph(data)
        gc.collect()
        layout = Layout(graph.operators, graph.input, graph.output)
        layout.grow()
        gc.collect()
        self._take(graph, layout.place(), memory)
        self._ends = bytes([last for _, last in layout.chains])
        self._runs = tuple([kernel.run for kernel, _, _, _ in graph.operators])
        self.macs = sum([self._macs(i) for i in range(len(self._runs))])
        self.input, self.input_shape, self.input_scale, self.input_zero_point = self._end(
            graph, layout, graph.input
        )
        self.output, self.output_shape, self.output_scale, self.output_zero_point = self._end(
            graph, layout, graph.output
        )
        piece = max(
            [kernel.piece(record) for kernel, record, _, _ in graph.operators if hasattr(kernel, "piece")]
            or [0]
        )
        del graph, layout
        _forget("arena", "flatbuffer", "graph")
        gc.collect()
        self._place(model, data.size, not data.paged, weights, max(piece, _PIECE), memory)

    def _take(self, graph, total, memory):
        """Allocates the arena and packs the records."""
        self.arena_bytes = total + 4 * RECORD * len(graph.operators)
        self._within(memory)
        gc.collect()
        try:
            self.arena = bytearray(total)
        except MemoryError:
            raise GalagoError(
                "memory.arena",
                "the arena takes %d bytes, %d are free and not in one piece: take a smaller model"
                % (total, gc.mem_free()),
            )
        self.plan = array("i", [])
        for _, record, _, _ in graph.operators:
            self.plan.extend(record)

    def _within(self, memory):
        if memory is not None and self.arena_bytes > memory:
            raise GalagoError(
                "memory.arena",
                "the model takes %d bytes, %d are allowed: take a smaller one" % (self.arena_bytes, memory),
            )

    def _end(self, graph, layout, tensor):
        """The bytes, shape, scale and zero point of the input or output."""
        start = layout.offsets[tensor]
        bits, zero = graph.scale(tensor)
        scale = (bits & 0x7FFFFF | 0x800000) * 2.0 ** ((bits >> 23) - 150)
        return (
            memoryview(self.arena)[start : start + graph.elements(tensor)],
            graph.shape(tensor),
            scale,
            zero,
        )

    def _place(self, model, size, lent, weights, piece, memory):
        """Decides where the weights are."""
        if weights not in (None, "place", "ram", "stream") or (weights == "place" and not lent):
            raise GalagoError(
                "config.invalid", "weights %s cannot be had for this model: leave the choice" % weights
            )
        self._model = model
        self.weights = "place"
        if weights in ("place", None) and lent:
            return
        if weights == "ram" or (weights is None and gc.mem_free() > size + _SPARE):
            try:
                self._model = bytearray(size)
            except MemoryError:
                if weights:
                    raise
            else:
                self.weights = "ram"
                if lent:
                    self._model[:] = memoryview(model)
                    return
                self._file.seek(0)
                if self._file.readinto(self._model) != size:
                    raise GalagoError(
                        "model.malformed", "the model's file cannot be read whole: copy it again"
                    )
                self._file.close()
                self._file = None
                return
        if self._file is None:
            raise GalagoError("config.invalid", "only a file can be streamed: give the model's path")
        self.weights = "stream"
        self.arena_bytes += piece
        self._within(memory)
        self._model = bytearray(piece)
        self._held = -1, 0

    def invoke(self, hook=None):
        """Runs the model: input to output.

        `hook(layer, first, last)`, if given, is called after each piece of work, output rows first … last of
        a layer: to feed a watchdog, to measure, or to look at `rows`. What it raises ends the run; the next
        invoke starts afresh.
        """
        plan = self.plan
        first = 0
        for last in self._ends:
            rows = plan[last * RECORD + _OUT_H]
            if first == last:
                self._runs[first](self, first * RECORD, 0, rows)
                if hook:
                    hook(first, 0, rows)
            else:
                done = [0] * (last - first + 1)
                for row in range(rows):
                    self._produce(first, last, row, done, hook)
            first = last + 1

    def _produce(self, first, layer, row, done, hook):
        """Computes an output row of a layer of the chain from `first` on, and before it what that needs."""
        plan = self.plan
        at = layer * RECORD
        if layer > first:
            wanted = min(plan[at + _IN_H], row * plan[at + _S_H] - plan[at + _P_T] + plan[at + _K_H])
            while done[layer - 1 - first] < wanted:
                self._produce(first, layer - 1, done[layer - 1 - first], done, hook)
        self._runs[layer](self, at, row, row + 1)
        done[layer - first] = row + 1
        if hook:
            hook(layer, row, row + 1)

    def rows(self, layer, first, last):
        """Output rows first … last of a layer as raw bytes, while the hook that named them runs."""
        plan = self.plan
        at = layer * RECORD
        size = plan[at + _OUT_W] * plan[at + _OUT_C]
        start = plan[at + _OUTPUT] + first % plan[at + _OUTPUT_ROWS] * size
        return memoryview(self.arena)[start : start + (last - first) * size]

    def layer(self, layer):
        """(operator, input shape, output shape, multiplications); shapes are (height, width, channels)."""
        from .operators import name

        at = layer * RECORD
        shape_in, shape_out = self.plan[at + _IN_H : at + _IN_C + 1], self.plan[at + _OUT_H : at + _OUT_C + 1]
        return name(self.plan[at + _OPERATOR]), tuple(shape_in), tuple(shape_out), self._macs(layer)

    def _macs(self, layer):
        plan = self.plan
        at = layer * RECORD
        if plan[at + _OPERATOR] not in _MULTIPLIERS:
            return 0
        macs = plan[at + _OUT_H] * plan[at + _OUT_W] * plan[at + _OUT_C] * plan[at + _K_H] * plan[at + _K_W]
        return macs if plan[at + _OPERATOR] == _DEPTHWISE else macs * plan[at + _IN_C]

    def constant(self, position, size):
        """(buffer, index) of `size` bytes of the model: what kernels read weights with."""
        if self.weights != "stream":
            return self._model, position
        if self._held != (position, size):
            self._file.seek(position)
            if self._file.readinto(memoryview(self._model)[:size]) != size:
                raise GalagoError("model.malformed", "the model's file has become shorter: copy it again")
            self._held = position, size
        return self._model, 0

    def group(self, size):
        """Output channels, of `size` bytes of weights each, that `constant` can give at once."""
        return len(self._model) // size if self.weights == "stream" else 1 << 20

    def close(self):
        """Gives all memory back; the interpreter cannot be used any more."""
        if self._file is not None:
            self._file.close()
        self._file = self._model = self.input = self.output = self.arena = self.plan = None
        self._runs = self._ends = ()


def _forget(*names):
    """Drops modules that only loading needs: their code is a fifth of the engine."""
    package = __name__.rsplit(".", 1)[0]
    for name in names:
        sys.modules.pop(package + "." + name, None)
        if hasattr(sys.modules[package], name):
            delattr(sys.modules[package], name)
