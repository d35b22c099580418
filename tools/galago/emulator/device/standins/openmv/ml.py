# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""`ml` of OpenMV's firmware 5: models in TensorFlow Lite Micro, which the emulator runs.

It behaves as the real module does: the whole file is copied into the heap, the tensors are in an arena there,
an inference overwrites its input, arrays are truncated instead of rounded, images become RGB565, scores are
floats, and the labels are read from the file named by the path up to its first dot, with .txt.
"""

import struct

import _host
import image as _image
from uctypes import addressof, bytearray_at
from ulab import ndarray

_ALIGN = 32


class Model:
    """A .tflite. Raises OSError, MemoryError, or RuntimeError if TFLM refuses it."""

    def __init__(self, path, *, postprocess=None, **ignored):
        with open(path, "rb") as file:
            self.len = file.seek(0, 2)
            file.seek(0)
            self._content = bytearray(self.len + _ALIGN - 1)
            file.readinto(memoryview(self._content)[: self.len])
        reply = _host.call("tflm_load", data=memoryview(self._content)[: self.len])
        self._number = reply["model"]
        self.ram = reply["arena"]
        self._arena = bytearray(self.ram)
        self.postprocess = postprocess
        self._describe(reply)
        try:
            with open(path.split(".")[0] + ".txt") as file:
                self.labels = [line.rstrip("\n") for line in file]
        except OSError:
            self.labels = None

    def _describe(self, reply):
        source, result = reply["input"], reply["output"]
        self.input_shape = (tuple(source["shape"]),)
        self.input_dtype = (source["dtype"],)
        self.input_scale = (source["scale"],)
        self.input_zero_point = (source["zero_point"],)
        self.output_shape = (tuple(result["shape"]),)
        self.output_dtype = (result["dtype"],)
        self.output_scale = (result["scale"],)
        self.output_zero_point = (result["zero_point"],)
        self._input_size = _product(source["shape"])
        self._output = bytearray(_product(result["shape"]))

    def predict(self, inputs, *, callback=None):
        """Returns a list with one ndarray of floats, or the result of `callback(model, inputs, outputs)`."""
        if not isinstance(inputs, list):
            raise ValueError("Unsupported input type. Expected a list")
        # Like the real module, hands out the tensor's memory without a copy.
        tensor = bytearray_at(addressof(self._arena), self._input_size)
        source = inputs[0]
        if isinstance(source, _image.Image):
            _from_image(source, self.input_shape[0], tensor)
        elif isinstance(source, ndarray):
            self._from_array(source, tensor)
        elif callable(source):
            source(tensor, self.input_shape[0], ord(self.input_dtype[0]))
        else:
            raise ValueError("Unsupported input type")
        _host.call("tflm_invoke", self._number, data=tensor, into=self._output)
        half = len(tensor) // 2
        tensor[:half] = tensor[half : 2 * half]  # as later tensors overwrite it
        outputs = [self._floats()]
        callback = callback or self.postprocess
        return callback(self, inputs, outputs) if callback else outputs

    def _from_array(self, array, tensor):
        if array.shape != self.input_shape[0]:
            raise ValueError("Input shape does not match the model input shape")
        scale, zero_point = self.input_scale[0], self.input_zero_point[0]
        for index, value in enumerate(array.flatten()):
            tensor[index] = int(value / scale + zero_point) & 255

    def _floats(self):
        scale, zero_point = self.output_scale[0], self.output_zero_point[0]
        values = struct.unpack(f"{len(self._output)}b", self._output)
        return ndarray([(value - zero_point) * scale for value in values], self.output_shape[0])


def _from_image(picture, shape, tensor):
    # Stretches the picture to the input, whatever its shape, through RGB565.
    _, height, width, channels = shape
    if picture.format() != _image.RGB565 or channels != 3:
        raise ValueError("this stand-in takes RGB565 images for inputs of three channels")
    size = picture.width(), picture.height(), width, height
    _host.call("image_scale", *size, data=picture.bytearray(), into=tensor)
    for index in range(len(tensor)):
        tensor[index] ^= 128


def _product(shape):
    product = 1
    for size in shape:
        product *= size
    return product
