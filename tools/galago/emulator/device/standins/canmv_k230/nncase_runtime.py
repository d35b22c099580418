# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
# pyright: reportOptionalSubscript=false, reportOptionalIterable=false
"""`nncase_runtime` of CanMV on a K230, as far as a classifier goes.

Nothing here runs nncase's .kmodel: this stand-in takes a .tflite in its place, and pixels as a .kmodel of
galago.runtimes.canmv_k230 does. It shows that the program around it is right, no more.
"""

import _link
from ulab import ndarray


class _Tensor:
    def __init__(self, array):
        self._array = array

    def to_numpy(self):
        """The array."""
        return self._array


def from_numpy(array):
    """A tensor of an array."""
    return _Tensor(array)


def shrink_memory_pool():
    """Nothing is kept."""


class kpu:  # noqa: N801 (its name)
    """One model."""

    def __init__(self):
        self._reply = self._given = self._made = None

    def load_kmodel(self, model):
        """A path, or the bytes. Raises RuntimeError."""
        if isinstance(model, str):
            with open(model, "rb") as file:
                model = file.read()
        self._reply = _link.call("tflm_load", data=model)

    def set_input_tensor(self, index, tensor):
        """The pixels: uint8 of the shape of the input."""
        array = tensor.to_numpy()
        if array.shape != tuple(self._reply["input"]["shape"]):
            raise RuntimeError("the input has another shape")
        self._given = bytes(array._values)

    def run(self):
        """Computes."""
        pixels = bytes(value ^ 128 for value in self._given)
        scores = bytearray(self._reply["output"]["shape"][-1])
        _link.call("tflm_invoke", self._reply["model"], data=pixels, into=scores)
        scale, zero_point = self._reply["output"]["scale"], self._reply["output"]["zero_point"]
        signed = [value - ((value & 128) << 1) for value in scores]
        self._made = ndarray(
            [(value - zero_point) * scale for value in signed], tuple(self._reply["output"]["shape"])
        )

    def get_output_tensor(self, index):
        """The scores."""
        return _Tensor(self._made)
