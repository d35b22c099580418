# SPDX-License-Identifier: MIT
"""CanMV on the K230: runs a .kmodel of nncase 2 on the KPU, through `nncase_runtime`."""

import gc

import nncase_runtime
from ulab import numpy

from ..errors import GalagoError

TOLERANCE = None  # nncase quantizes the float model in its own way: golden.check compares with its simulator


def supports(model):
    """Returns None, or the reason why the KPU cannot run this model."""
    if not model.file("kmodel") or not model.runtime("canmv_k230", "classes"):
        return "its directory on this board has no .kmodel: flash it again with nncase installed"
    if model.transform:
        return "its inputs are not pixel - 128"
    if model.activation != "softmax":
        return "its outputs are not those of a softmax"
    return None


class _Runtime:
    def __init__(self, model):
        self._shape = (1, model.height, model.width, model.channels)
        self.input = bytearray(model.height * model.width * model.channels)
        self.outputs = len(model.labels)
        self._kpu = nncase_runtime.kpu()
        try:
            self._kpu.load_kmodel(model.file("kmodel"))
        except (EOFError, OSError) as error:  # EOFError: nncase does not know the version
            raise GalagoError(
                "backend.refused",
                "canmv_k230 cannot load %s (%s): compile it with the nncase version of this firmware"
                % (model.name, error),
            ) from None
        from .golden import check

        try:
            check("canmv_k230", self, model)
        except BaseException:
            self.close()
            raise

    def invoke(self):
        pixels = self.input  # the .kmodel expects pixels, not int8
        for index in range(len(pixels)):
            pixels[index] ^= 128
        array = numpy.frombuffer(pixels, dtype=numpy.uint8).reshape(self._shape)
        try:
            self._kpu.set_input_tensor(0, nncase_runtime.from_numpy(array))
            self._kpu.run()
        except (RuntimeError, ValueError) as error:
            raise GalagoError("backend.wrong", "canmv_k230: %s: flash the model again" % error) from None
        return self._kpu.get_output_tensor(0).to_numpy().flatten()

    def confidence(self, score):
        return score

    def close(self):
        self._kpu = self.input = None
        gc.collect()
        nncase_runtime.shrink_memory_pool()


load = _Runtime
