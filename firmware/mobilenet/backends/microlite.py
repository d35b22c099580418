# SPDX-License-Identifier: MIT
"""microlite: TensorFlow Lite Micro in the firmware of tensorflow-micropython-examples."""

import gc
import os

import microlite
import micropython

TOLERANCE = 1  # its kernels may round ties differently

_SPARE = 8192  # bytes of heap to leave free


def supports(model):
    """Returns None, or the reason why microlite cannot run this model."""
    path = model.file("tflite")
    arena = model.runtime("microlite", "arena_bytes")
    if not path:
        return "its directory on this board has no .tflite"
    if not arena:
        return "model.json lacks the size of the arena: flash it again for this board"
    gc.collect()
    # If the arena is too small, microlite only prints a message, and its next call crashes the firmware.
    needed, free = os.stat(path)[6] + arena + _SPARE, gc.mem_free()
    if needed > free:
        return "it needs %d bytes of heap, %d are free" % (needed, free)
    return None


class _Runtime:
    def __init__(self, model):
        path = model.file("tflite")
        self._bytes = content = bytearray(os.stat(path)[6])
        with open(path, "rb") as file:
            file.readinto(content)
        self.input = bytearray(model.height * model.width * model.channels)
        self.outputs = model.outputs
        self._scores = [0] * self.outputs
        self._scale = model.output_scale
        self._zero_point = model.output_zero_point
        arena = model.runtime("microlite", "arena_bytes")
        self._interpreter = microlite.interpreter(content, arena, self._feed, self._take)

    def _feed(self, interpreter):
        _set_all(interpreter.getInputTensor(0).setValue, self.input)

    def _take(self, interpreter):
        get = interpreter.getOutputTensor(0).getValue
        for index in range(self.outputs):
            self._scores[index] = get(index)

    def invoke(self):
        if self._interpreter.invoke():
            from ..errors import GalagoError

            raise GalagoError("backend.wrong", "microlite failed to run the model: try 'builtin'")
        return self._scores

    def confidence(self, score):
        return (score - self._zero_point) * self._scale

    def close(self):
        self._interpreter = self._bytes = self.input = None
        gc.collect()


@micropython.native
def _set_all(set_value, values):
    # microlite sets one element per call: native code at least avoids the cost of bytecode.
    for index in range(len(values)):
        value = values[index]
        set_value(index, value - ((value & 128) << 1))


load = _Runtime
