# SPDX-License-Identifier: MIT
"""Holds a model's memory and runs its layers. `loading` prepares it, and leaves memory afterwards."""

from micropython import const

from ..errors import GalagoError

_RECORD = const(32)
# Words of a layer's record (record.toml).
_OUTPUT = const(2)
_OUTPUT_ROWS = const(3)
_SECOND = const(5)
_OUT_H = const(9)
_OUT_W = const(10)
_OUT_C = const(11)
_COUNT = const(12)
_CONSTANT = const(13)


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
    schedule        what runs all layers in one call (kernels/schedule.py); None if weights are streamed, or
                    without machine code
    """

    def __init__(self, model, weights=None, memory=None, kernels=None, plan=None):
        # The error, and the attributes that `close` sets, exist in advance: later there may be no memory.
        full = GalagoError("memory.heap", "the heap is too small to load the model: use a smaller model")
        self.file = self.model = self.input = self.output = self.arena = self.plan = self.held = None
        self.schedule = None
        self.runs = self.chains = ()
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
        if self.schedule and not hook:
            self.schedule.invoke(self)
            return
        plan = self.plan
        for chain in self.chains:
            if len(chain) > 1:
                self._produce(chain, hook)
                continue
            layer = chain[0]
            at = layer * _RECORD
            rows = plan[at + _OUT_H]
            self.runs[layer](self, at, 0, rows)
            if hook:
                hook(layer, 0, rows)

    @micropython.native
    def _produce(self, chain, hook):
        """Computes the rows of a chain: `chain` names the layer of each in turn (loading/planner.py)."""
        runs = self.runs
        done = [0] * len(runs)
        for layer in chain:
            row = done[layer]
            done[layer] = after = row + 1
            runs[layer](self, layer * _RECORD, row, after)
            if hook:
                hook(layer, row, after)

    def rows(self, layer, first, last):
        """Returns the output rows [first, last) of a layer as raw bytes; valid while the hook runs."""
        plan = self.plan
        at = layer * _RECORD
        size = plan[at + _OUT_W] * plan[at + _OUT_C]
        start = plan[at + _OUTPUT] + first % plan[at + _OUTPUT_ROWS] * size
        return memoryview(self.arena)[start : start + (last - first) * size]

    def use_viper(self, layer, run):
        """Replaces the machine code of a layer by the `run` of its viper kernel."""
        del self.native[layer]
        self.runs = self.runs[:layer] + (run,) + self.runs[layer + 1 :]
        if self.schedule:
            self.schedule.viper(layer)

    def alone(self, layer):
        """Returns whether a layer runs as a whole, and not row by row in a chain."""
        return bytes([layer]) in self.chains

    def constant(self, position, size):
        """Returns (buffer, index) of `size` bytes of the model; kernels read weights with it."""
        if self.weights != "stream":
            return self.model, position
        held = self.held
        piece = position, size
        if piece not in held:
            start = self.filled + 3 & ~3
            if start + size > len(self.model):
                held.clear()
                start = 0
            self.file.seek(position)
            if self.file.readinto(memoryview(self.model)[start : start + size]) != size:
                raise GalagoError(
                    "model.malformed", "the model's file is shorter than when it was loaded: copy it again"
                )
            held[piece] = start
            self.filled = start + size
        return self.model, held[piece]

    def second(self, at):
        """Returns (buffer, index) of the second input of an elementwise layer: in the arena, or constant."""
        plan = self.plan
        if plan[at + _CONSTANT]:
            return self.constant(plan[at + _CONSTANT], plan[at + _COUNT])
        return self.arena, plan[at + _SECOND]

    def group(self, size):
        """Returns the number of output channels, with `size` bytes of weights each, that fit `constant`."""
        return len(self.model) // size if self.weights == "stream" else 1 << 20

    def close(self):
        """Frees all memory; the interpreter cannot be used afterwards."""
        if self.file is not None:
            self.file.close()
        self.file = self.model = self.input = self.output = self.arena = self.plan = self.schedule = None
        self.runs = self.chains = ()
