# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""`ml` of OpenMV's firmware 5: models in TensorFlow Lite Micro, which the emulator runs.

Its habits are the real one's: the file is copied into the heap as a whole, the tensors lie in an arena there,
what was the input is overwritten by an inference, arrays are cut off, not rounded, images become RGB565,
scores are floats, and labels are looked for beside the part of the path that ends at its first dot.
"""

import struct

import _link
import image as _image
from uctypes import addressof, bytearray_at
from ulab import ndarray

_ALIGN = 32


class Model:
    """A .tflite. Raises OSError, MemoryError, or RuntimeError where TFLM refuses it."""

    def __init__(self, path, *, postprocess=None, **ignored):
        with open(path, "rb") as file:
            self.len = file.seek(0, 2)
            file.seek(0)
            self._content = bytearray(self.len + _ALIGN - 1)
            file.readinto(memoryview(self._content)[: self.len])
        reply = _link.call("tflm_load", data=memoryview(self._content)[: self.len])
        self._number = reply["model"]
        self.ram = reply["arena"]
        self._arena = bytearray(self.ram)
        self.postprocess = postprocess
        self._ends(reply)
        try:
            with open(path.split(".")[0] + ".txt") as file:
                self.labels = [line.rstrip("\n") for line in file]
        except OSError:
            self.labels = None

    def _ends(self, reply):
        given, made = reply["input"], reply["output"]
        self.input_shape = (tuple(given["shape"]),)
        self.input_dtype = (given["dtype"],)
        self.input_scale = (given["scale"],)
        self.input_zero_point = (given["zero_point"],)
        self.output_shape = (tuple(made["shape"]),)
        self.output_dtype = (made["dtype"],)
        self.output_scale = (made["scale"],)
        self.output_zero_point = (made["zero_point"],)
        self._input_size = _product(given["shape"])
        self._output = bytearray(_product(made["shape"]))

    def predict(self, inputs, *, callback=None):
        """A list with one ndarray of floats, or what `callback` (model, inputs, outputs) makes of it."""
        if not isinstance(inputs, list):
            raise ValueError("Unsupported input type. Expected a list")
        # The real one hands out its memory in the same way: an object without a copy.
        tensor = bytearray_at(addressof(self._arena), self._input_size)
        given = inputs[0]
        if isinstance(given, _image.Image):
            _from_image(given, self.input_shape[0], tensor)
        elif isinstance(given, ndarray):
            self._from_array(given, tensor)
        elif callable(given):
            given(tensor, self.input_shape[0], ord(self.input_dtype[0]))
        else:
            raise ValueError("Unsupported input type")
        _link.call("tflm_invoke", self._number, data=tensor, into=self._output)
        half = len(tensor) // 2
        tensor[:half] = tensor[half : 2 * half]  # later tensors have taken its place
        outputs = [self._floats()]
        callback = callback or self.postprocess
        return callback(self, inputs, outputs) if callback else outputs

    def _from_array(self, given, tensor):
        if given.shape != self.input_shape[0]:
            raise ValueError("Input shape does not match the model input shape")
        scale, zero_point = self.input_scale[0], self.input_zero_point[0]
        for index, value in enumerate(given.flatten()):
            tensor[index] = int(value / scale + zero_point) & 255

    def _floats(self):
        scale, zero_point = self.output_scale[0], self.output_zero_point[0]
        values = struct.unpack(f"{len(self._output)}b", self._output)
        return ndarray([(value - zero_point) * scale for value in values], self.output_shape[0])


def _from_image(given, shape, tensor):
    # Stretched to the input, whatever its shape, and passed through RGB565.
    _, height, width, channels = shape
    if given.format() != _image.RGB565 or channels != 3:
        raise ValueError("this stand-in takes RGB565 images for inputs of three channels")
    size = given.width(), given.height(), width, height
    _link.call("image_scale", *size, data=given.bytearray(), into=tensor)
    for index in range(len(tensor)):
        tensor[index] ^= 128


def _product(shape):
    product = 1
    for size in shape:
        product *= size
    return product
