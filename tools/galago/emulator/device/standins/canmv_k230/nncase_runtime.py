# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
# pyright: reportOptionalSubscript=false, reportArgumentType=false
"""`nncase_runtime` of CanMV on a K230, as far as a classifier goes: nncase's own simulator computes.

Its errors are the real module's, EOFError for a .kmodel that does not load among them, which is no OSError.
"""

import os
from array import array

import _link
from ulab import ndarray


class _Tensor:
    def __init__(self, array):
        self._array = array

    def to_numpy(self):
        """The array."""
        return self._array


def from_numpy(array):
    """A tensor of a copy of an array."""
    return _Tensor(ndarray(array._values[:], array.shape))


def shrink_memory_pool():
    """Nothing is kept."""


class kpu:  # noqa: N801 (its name)
    """One model."""

    def __init__(self):
        self._model = self._given = self._made = None

    def load_kmodel(self, model):
        """A path, or the bytes. Raises OSError or EOFError."""
        kind = "buffer"
        if isinstance(model, str):
            kind = "path"
            try:
                os.stat(model)
            except OSError:
                raise OSError("Kmodel file not exist.") from None
            with open(model, "rb") as file:
                model = file.read()
        self._model = _link.call("k230_load", data=model)
        if self._model is None:
            raise EOFError(f"KPU load model failed from {kind}.")

    def inputs_size(self):
        """How many inputs there are."""
        return 1

    def outputs_size(self):
        """How many outputs there are."""
        return 1

    def set_input_tensor(self, index, tensor):
        """The pixels: uint8, as many as the model takes."""
        given = tensor.to_numpy()
        if index or len(given.shape) != 4 or given.size != self._model["inputs"]:
            raise ValueError("KPU set input tensor failed.")
        self._given = given

    def run(self):
        """Computes."""
        if self._given is None:
            raise RuntimeError("KPU run failed.")
        floats = bytearray(4 * self._model["outputs"])
        shape = self._given.shape[1:]
        _link.call("k230_run", self._model["model"], shape, data=bytes(self._given._values), into=floats)
        self._made = floats

    def get_output_tensor(self, index):
        """The scores, float [1, classes]."""
        return _Tensor(ndarray(array("f", bytes(self._made)), (1, self._model["outputs"])))
