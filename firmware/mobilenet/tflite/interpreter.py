# SPDX-License-Identifier: MIT
"""Holds a model's memory and runs its layers. `loading` prepares it, and leaves memory afterwards."""

from micropython import const

from ..errors import GalagoError

_RECORD = const(32)
# Words of a layer's record (record.toml).
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

    `model` is a path, or a bytes-like object that holds the model, is used in place and must not change.
    `weights` selects where the weights are: "place" (a ROMFS maps the file into memory), "ram", or "stream"
    (read from the file layer by layer); the default is the first of these that is possible. `memory` is the
    maximum number of bytes that the engine may allocate, excluding weights. `kernels` is machine code
    generated for this model: the path of a .mpy, or a module (kernels/native.py); without it, viper kernels
    compute. `plan` is the plan of this model with these kernels (loading/stored.py); without it, the engine
    plans, which takes seconds on a slow board.

    Raises GalagoError model.missing, model.malformed, model.operator, model.quantization, memory.arena or
    memory.heap.

    input, output   writable memoryviews of int8 as raw bytes: element & 255, so -128 reads as 128. They may
                    share memory: refill the input before each invoke, and read the output before that
    input_shape, output_shape, input_scale, input_zero_point, output_scale, output_zero_point
    weights         "place", "ram" or "stream"
    arena_bytes     bytes that the engine allocates, excluding weights
    macs            MACs of one inference
    native          layer → (function, KERNEL): the machine code of a layer, and the viper kernel it replaces
    plan            the records of all layers (record.toml)
    """

    def __init__(self, model, weights=None, memory=None, kernels=None, plan=None):
        # The error, and the attributes that `close` sets, exist in advance: later there may be no memory.
        full = GalagoError("memory.heap", "the heap is too small to load the model: use a smaller model")
        self.file = self.model = self.input = self.output = self.arena = self.plan = self.held = None
        self.runs = self.ends = ()
        self.native = {}
        try:
            from .loading import forget, load

            try:
                load(self, model, weights, memory, kernels, plan)
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
        """What computes the layers, in words."""
        if not self.native:
            return "viper"
        return "machine code in %d of %d layers, viper in the others" % (len(self.native), len(self.runs))

    def invoke(self, hook=None):
        """Runs the model from input to output.

        `hook(layer, first, last)` is called each time the output rows [first, last) of a layer were computed:
        to feed a watchdog, to measure, or to inspect `rows`. An exception that it raises ends the run; the
        next invoke starts over.
        """
        plan = self.plan
        first = 0
        for last in self.ends:
            rows = plan[last * _RECORD + _OUT_H]
            if first == last:
                self.runs[first](self, first * _RECORD, 0, rows)
                if hook:
                    hook(first, 0, rows)
            else:
                done = [0] * (last - first + 1)
                for row in range(rows):
                    self._produce(first, last, row, done, hook)
            first = last + 1

    def _produce(self, first, layer, row, done, hook):
        """Computes an output row of a layer, after the rows it needs of the chain that starts at `first`."""
        plan = self.plan
        at = layer * _RECORD
        if layer > first:
            needed = min(plan[at + _IN_H], row * plan[at + _S_H] - plan[at + _P_T] + plan[at + _K_H])
            while done[layer - 1 - first] < needed:
                self._produce(first, layer - 1, done[layer - 1 - first], done, hook)
        self.runs[layer](self, at, row, row + 1)
        done[layer - first] = row + 1
        if hook:
            hook(layer, row, row + 1)

    def rows(self, layer, first, last):
        """Returns the output rows [first, last) of a layer as raw bytes; valid while the hook runs."""
        plan = self.plan
        at = layer * _RECORD
        size = plan[at + _OUT_W] * plan[at + _OUT_C]
        start = plan[at + _OUTPUT] + first % plan[at + _OUTPUT_ROWS] * size
        return memoryview(self.arena)[start : start + (last - first) * size]

    def constant(self, position, size):
        """Returns (buffer, index) of `size` bytes of the model; kernels read weights with it."""
        if self.weights != "stream":
            return self.model, position
        if self.held != (position, size):
            self.file.seek(position)
            if self.file.readinto(memoryview(self.model)[:size]) != size:
                raise GalagoError(
                    "model.malformed", "the model's file is shorter than when it was loaded: copy it again"
                )
            self.held = position, size
        return self.model, 0

    def group(self, size):
        """Returns the number of output channels, with `size` bytes of weights each, that fit `constant`."""
        return len(self.model) // size if self.weights == "stream" else 1 << 20

    def close(self):
        """Frees all memory; the interpreter cannot be used afterwards."""
        if self.file is not None:
            self.file.close()
        self.file = self.model = self.input = self.output = self.arena = self.plan = None
        self.runs = self.ends = ()
