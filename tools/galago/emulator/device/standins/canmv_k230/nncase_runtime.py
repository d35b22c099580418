# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
# pyright: reportOptionalSubscript=false, reportArgumentType=false
"""`nncase_runtime` of CanMV on a K230, as far as a classifier needs it; nncase's simulator computes.

Errors are the real module's, among them EOFError, not OSError, for a .kmodel that does not load.
"""

import os
from array import array

import _host
from ulab import ndarray


class _Tensor:
    def __init__(self, array):
        self._array = array

    def to_numpy(self):
        """Returns the array."""
        return self._array


def from_numpy(array):
    """Returns a tensor of a copy of an array."""
    return _Tensor(ndarray(array._values[:], array.shape))


class ai2d_format:  # noqa: N801 (its name)
    """Formats of the AI2D; only rows of RGB pixels here."""

    RGB_packed = 5


class interp_method:  # noqa: N801
    """Interpolations of the AI2D."""

    tf_bilinear = 1


class interp_mode:  # noqa: N801
    """How the AI2D places the centres of pixels."""

    half_pixel = 2


class ai2d:  # noqa: N801
    """Crops, then resizes. Shapes are [1, height, width, 3]."""

    def set_dtype(self, source, result, source_type, result_type):
        """Set the formats and types of pixels."""
        if (source, result, source_type, result_type) != (5, 5, "B", "B"):
            raise ValueError("ai2d set_dtype failed.")

    def set_crop_param(self, flag, x, y, width, height):
        """Set the part to resize."""
        self._window = x, y, width, height

    def set_resize_param(self, flag, method, mode):
        """Set the interpolation."""

    def build(self, source, result):
        """Returns what runs for pictures of these shapes."""
        x, y, width, height = self._window
        if min(x, y) < 0 or x + width > source[2] or y + height > source[1] or min(width, height) < 1:
            raise RuntimeError("ai2d build failed.")
        return _Builder(tuple(source), self._window, tuple(result))


class _Builder:
    def __init__(self, source, window, result):
        self._source, self._window, self._result = source, window, result

    def run(self, source, result):
        """Fill the tensor `result`."""
        pixels, into = source.to_numpy(), result.to_numpy()
        if (pixels.shape, into.shape) != (self._source, self._result):
            raise RuntimeError("ai2d run failed.")
        sizes = self._source[1:3], self._window, self._result[1:3]
        _host.call("k230_resize", *sizes, data=pixels.tobytes(), into=into.tobytes())


def shrink_memory_pool():
    """Does nothing: there is no pool."""


class kpu:  # noqa: N801 (its name)
    """One model."""

    def __init__(self):
        self._model = self._pixels = self._scores = None

    def load_kmodel(self, model):
        """Load a .kmodel from a path or from bytes. Raises OSError or EOFError."""
        kind = "buffer"
        if isinstance(model, str):
            kind = "path"
            try:
                os.stat(model)
            except OSError:
                raise OSError("Kmodel file not exist.") from None
            with open(model, "rb") as file:
                model = file.read()
        self._model = _host.call("k230_load", data=model)
        if self._model is None:
            raise EOFError(f"KPU load model failed from {kind}.")

    def inputs_size(self):
        """Returns the number of inputs."""
        return 1

    def outputs_size(self):
        """Returns the number of outputs."""
        return 1

    def set_input_tensor(self, index, tensor):
        """Set the pixels: uint8 [1, height, width, channels]."""
        pixels = tensor.to_numpy()
        if index or len(pixels.shape) != 4 or pixels.size != self._model["inputs"]:
            raise ValueError("KPU set input tensor failed.")
        self._pixels = pixels

    def run(self):
        """Run the model on the input."""
        if self._pixels is None:
            raise RuntimeError("KPU run failed.")
        floats = bytearray(4 * self._model["outputs"])
        shape = self._pixels.shape[1:]
        _host.call("k230_run", self._model["model"], shape, data=bytes(self._pixels._values), into=floats)
        self._scores = floats

    def get_output_tensor(self, index):
        """Returns the scores, float [1, classes]."""
        return _Tensor(ndarray(array("f", bytes(self._scores)), (1, self._model["outputs"])))
