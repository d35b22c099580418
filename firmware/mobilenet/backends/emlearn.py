# SPDX-License-Identifier: MIT
"""emlearn_cnn_int8 of emlearn-micropython: TinyMaix in a native module, for models as .tmdl."""

import gc
import os
from array import array
from math import exp

import micropython

try:
    from emlearn_cnn_int8 import new
except ImportError:
    try:
        from emlearn_cnn import new  # 0.6 and 0.7
    except ImportError:
        from tinymaix_cnn import new  # until 0.5

TOLERANCE = None  # TinyMaix cuts off where TFLM rounds: golden.prove knows its answer

_SPARE = 8192  # bytes of heap to leave free


def supports(model):
    """None, or the reason why emlearn cannot run this model."""
    path = model.file("tmdl")
    if not path or not model.runtime("emlearn", "classes"):
        return "its directory on this board has no .tmdl: flash it again for this board"
    if model.scale != 0.0078125 or model.zero_point:
        return "its inputs are not pixel - 128"
    gc.collect()
    # The module keeps a copy of the model, and a buffer of that size, beside the array that it is given.
    wanted, free = 3 * os.stat(path)[6] + _SPARE, gc.mem_free()
    if wanted > free:
        return "it needs %d bytes of heap, %d are free" % (wanted, free)
    return None


class _Runtime:
    def __init__(self, model):
        path = model.file("tmdl")
        self.outputs = len(model.labels)
        self._scores = array("f", [0] * self.outputs)
        self.input = array("B", bytes(model.height * model.width * model.channels))
        content = array("B", bytes(os.stat(path)[6]))  # it refuses bytes and bytearray
        with open(path, "rb") as file:
            file.readinto(content)
        try:
            self._model = new(content)
        except (ValueError, RuntimeError) as error:
            from ..errors import GalagoError

            raise GalagoError(
                "backend.refused", "emlearn cannot load %s (%s): try 'builtin'" % (model.name, error)
            ) from None
        from .golden import prove

        try:
            prove("emlearn", self, model)
        except BaseException:
            self.close()
            raise

    def invoke(self):
        _flip(self.input, len(self.input))  # it takes pixels, and makes int8 of them
        scores = self._scores
        self._model.run(self.input, scores)
        # The .tmdl ends before the last softmax, which TinyMaix has in a rough form alone.
        largest = max(scores)
        total = 0
        for index in range(self.outputs):
            scores[index] = power = exp(scores[index] - largest)
            total += power
        for index in range(self.outputs):
            scores[index] /= total
        return scores

    def confidence(self, score):
        return score

    def close(self):
        self._model = self.input = self._scores = None
        gc.collect()


@micropython.viper
def _flip(buffer: ptr8, count: int):
    i = 0
    while i < count:
        buffer[i] = buffer[i] ^ 128
        i += 1


load = _Runtime
