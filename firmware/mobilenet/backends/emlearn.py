# SPDX-License-Identifier: MIT
"""emlearn-micropython: runs a .tmdl with TinyMaix, in its native module `emlearn_cnn_int8`."""

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
        from tinymaix_cnn import new  # up to 0.5

TOLERANCE = None  # TinyMaix truncates where TFLM rounds: golden.check compares with the host's simulator

_SPARE = 8192  # bytes of heap to leave free


def supports(model):
    """Returns None, or the reason why emlearn cannot run this model."""
    path = model.file("tmdl")
    if not path or not model.runtime("emlearn", "classes"):
        return "its directory on this board has no .tmdl: flash it again for this board"
    if model.transform:
        return "its inputs are not pixel - 128"
    if model.activation != "softmax":
        return "its outputs are not those of a softmax"
    gc.collect()
    # In addition to the array passed to it, the module keeps a copy of the model and a buffer of that size.
    needed, free = 3 * os.stat(path)[6] + _SPARE, gc.mem_free()
    if needed > free:
        return "it needs %d bytes of heap, %d are free" % (needed, free)
    return None


class _Runtime:
    def __init__(self, model):
        path = model.file("tmdl")
        self.outputs = len(model.labels)
        self._scores = array("f", [0] * self.outputs)
        self.input = array("B", bytes(model.height * model.width * model.channels))
        content = array("B", bytes(os.stat(path)[6]))  # `new` rejects bytes and bytearray
        with open(path, "rb") as file:
            file.readinto(content)
        try:
            self._model = new(content)
        except (ValueError, RuntimeError) as error:
            from ..errors import GalagoError

            raise GalagoError(
                "backend.refused", "emlearn cannot load %s (%s): try 'builtin'" % (model.name, error)
            ) from None
        from .golden import check

        try:
            check("emlearn", self, model)
        except BaseException:
            self.close()
            raise

    def invoke(self):
        _flip(self.input, len(self.input))  # TinyMaix expects pixels and converts them to int8
        scores = self._scores
        self._model.run(self.input, scores)
        # The .tmdl ends before the final softmax, for which TinyMaix only has a rough approximation.
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
