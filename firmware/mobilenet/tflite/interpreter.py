# SPDX-License-Identifier: MIT
"""Keeps a model's memory and runs its layers; `loading` makes it ready and is dropped then."""

from micropython import const

from ..errors import GalagoError

RECORD = const(32)
# Words of a layer's record (graph.py).
_OUTPUT = const(2)
_OUTPUT_ROWS = const(3)
_IN_H = const(6)
_OUT_H = const(9)
_OUT_W = const(10)
_OUT_C = const(11)
_K_H = const(12)
_S_H = const(14)
_P_T = const(16)


class Interpreter:
    """A full-int8 .tflite classifier, ready to run.

    `model` is a path, or the model itself in a bytes-like object, which is used in place and must not
    change. `weights` says where a file's weights are to be: "place" (a ROMFS lends its bytes), "ram", or
    "stream" (read from the file layer by layer); by default the first of these that is possible. `memory`
    is the most bytes that the engine may take, weights aside. `kernels` is machine code made for this model:
    the path of a .mpy, or a module (kernels/native.py); without it viper computes. Raises GalagoError
    model.missing, model.malformed, model.operator, model.quantization, memory.arena or memory.heap.

    input, output   writable memoryviews of int8 as raw bytes: element & 255, so -128 reads 128. They may
                    share memory: fill the input anew before each invoke, and read the output before that
    input_shape, output_shape, input_scale, input_zero_point, output_scale, output_zero_point
    weights         where they are: "place", "ram" or "stream"
    arena_bytes     what the engine takes, weights aside
    macs            multiplications of one inference
    kernels         what computes, in words
    native          layer that machine code computes → (its function, the viper kernel it stands for)
    """

    def __init__(self, model, weights=None, memory=None, kernels=None):
        # What `close` writes, and the error, are there beforehand: there may be no memory for them later.
        full = GalagoError("memory.heap", "the heap is too small to load the model: take a smaller one")
        self.file = self.model = self.input = self.output = self.arena = self.plan = self.held = None
        self.runs = self.ends = ()
        self.native = {}
        try:
            from .loading import forget, load

            try:
                load(self, model, weights, memory, kernels)
            finally:
                forget()
        except MemoryError:
            self.close()
            raise full
        except GalagoError:
            self.close()
            raise

    @property
    def kernels(self):
        """What computes, in words."""
        if not self.native:
            return "viper"
        return "machine code in %d of %d layers, viper in the others" % (len(self.native), len(self.runs))

    def invoke(self, hook=None):
        """Runs the model: input to output.

        `hook(layer, first, last)`, if given, is called after each piece of work, output rows first … last of
        a layer: to feed a watchdog, to measure, or to look at `rows`. What it raises ends the run; the next
        invoke starts afresh.
        """
        plan = self.plan
        first = 0
        for last in self.ends:
            rows = plan[last * RECORD + _OUT_H]
            if first == last:
                self.runs[first](self, first * RECORD, 0, rows)
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
        self.runs[layer](self, at, row, row + 1)
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

    def constant(self, position, size):
        """(buffer, index) of `size` bytes of the model: what kernels read weights with."""
        if self.weights != "stream":
            return self.model, position
        if self.held != (position, size):
            self.file.seek(position)
            if self.file.readinto(memoryview(self.model)[:size]) != size:
                raise GalagoError("model.malformed", "the model's file has become shorter: copy it again")
            self.held = position, size
        return self.model, 0

    def group(self, size):
        """Output channels, of `size` bytes of weights each, that `constant` can give at once."""
        return len(self.model) // size if self.weights == "stream" else 1 << 20

    def close(self):
        """Gives all memory back; the interpreter cannot be used any more."""
        if self.file is not None:
            self.file.close()
        self.file = self.model = self.input = self.output = self.arena = self.plan = None
        self.runs = self.ends = ()
