# SPDX-License-Identifier: MIT
"""CanMV on the K230: runs a .kmodel of nncase 2 on the KPU, through `nncase_runtime`.

The firmware decodes pictures (`image`), and its AI2D crops and resizes them: fast without machine code, but
the bytes are not those of Galago's own resize.
"""

import gc
import os
from time import ticks_diff, ticks_us

import image
import nncase_runtime
from ulab import numpy

from ..errors import GalagoError

TOLERANCE = None  # nncase quantizes the float model in its own way: golden.check compares with its simulator


def supports(model):
    """Returns None, or the reason why the KPU cannot run this model."""
    if not model.file("kmodel") or not model.runtime("canmv_k230", "classes"):
        return "its directory on this board has no .kmodel: flash it again with nncase installed"
    if model.channels != 3 or model.resize == "pad":
        return "its input is not a colour picture that is cropped or stretched"
    if model.transform:
        return "its inputs are not pixel - 128"
    if model.activation != "softmax":
        return "its outputs are not those of a softmax"
    return None


class _Runtime:
    def __init__(self, model):
        self.input = bytearray(model.height * model.width * model.channels)
        self.outputs = len(model.labels)
        self.resizer = _Pictures(model)
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
        try:
            self._kpu.set_input_tensor(0, self._pixels())
            self._kpu.run()
        except (RuntimeError, ValueError) as error:
            raise GalagoError("backend.wrong", "canmv_k230: %s: flash the model again" % error) from None
        return self._kpu.get_output_tensor(0).to_numpy().flatten()

    def _pixels(self):
        # The picture that the AI2D has made, once; without one, what was written to `input`.
        tensor, self.resizer.tensor = self.resizer.tensor, None
        if tensor:
            return tensor
        pixels = self.input  # the .kmodel expects pixels, not int8
        for index in range(len(pixels)):
            pixels[index] ^= 128
        shape = (1, self.resizer.height, self.resizer.width, 3)
        return nncase_runtime.from_numpy(numpy.frombuffer(pixels, dtype=numpy.uint8).reshape(shape))

    def confidence(self, score):
        return score

    def close(self):
        self._kpu = self.input = self.resizer = None
        gc.collect()
        nncase_runtime.shrink_memory_pool()


class _Pictures:
    """Makes the KPU's `tensor` of pictures: files, frames of a camera (camera/frame.py), or rows of RGB."""

    def __init__(self, model):
        self.height = model.height
        self.width = model.width
        self.us_read = self.us_resize = 0
        self.tensor = None
        self._crop = model.resize == "crop"
        self._size = self._passes = None  # of the last picture

    def read(self, path, _):
        """Reads a picture file. Raises GalagoError image.missing or image.unsupported."""
        start = ticks_us()
        name = path.rsplit("/", 1)[-1]
        try:
            os.stat(path)
        except OSError as error:
            raise GalagoError("image.missing", "%s: cannot be read (%s)" % (name, error)) from None
        try:
            picture = image.Image(path).to_rgb888()
        except MemoryError:
            raise
        except Exception as error:  # the manual names no types
            text = "%s: %s: send a JPEG, BMP or PPM"
            raise GalagoError("image.unsupported", text % (name, error)) from None
        self.us_read = ticks_diff(ticks_us(), start)
        self._resize(picture.to_numpy_ref(), picture.width(), picture.height())
        self.us_resize = ticks_diff(ticks_us(), start) - self.us_read

    def take(self, frame, _):
        """Takes a frame in colour. Raises GalagoError config.invalid for a grey one."""
        start = ticks_us()
        size, red = frame.layout[:2]  # bytes per pixel, and which of them is red
        if size != 3:
            raise GalagoError("config.invalid", "the K230 resizes colour only: set camera.format to rgb888")
        ((rows, _, _, _),) = frame.strips(0, 0, frame.width, frame.height)
        self._resize(numpy.frombuffer(rows, dtype=numpy.uint8), frame.width, frame.height)
        if red:
            self._swap()
        self.us_resize = ticks_diff(ticks_us(), start)

    def begin(self, width, height, *_):
        """Starts a picture whose rows follow."""
        self._size_of_rows = width, height
        self._rows, self._filled = bytearray(3 * width * height), 0

    def push(self, row):
        """Takes the next row of RGB pixels."""
        self._rows[self._filled : self._filled + len(row)] = row
        self._filled += len(row)
        if self._filled == len(self._rows):
            start = ticks_us()
            self._resize(numpy.frombuffer(self._rows, dtype=numpy.uint8), *self._size_of_rows)
            self._rows = None
            self.us_resize = ticks_diff(ticks_us(), start)

    def _resize(self, pixels, width, height):
        self.tensor = None
        try:
            if self._size != (width, height):
                self._passes = self._size = None  # frees their memory first
                self._passes = list(self._plan(width, height))
                self._size = width, height
            tensor = nncase_runtime.from_numpy(pixels.reshape((1, height, width, 3)))
            for _, builder, result in self._passes:
                builder.run(tensor, result)
                tensor = result
        except (RuntimeError, ValueError) as error:
            self._size = None
            text = "the K230 cannot resize %d x %d pixels (%s): send a smaller picture"
            raise GalagoError("image.size", text % (width, height, error)) from None
        self.tensor = tensor

    def _plan(self, width, height):
        # Bilinear interpolation skips pixels where it shrinks by more than two: halve as often as it goes.
        columns, rows = width, height
        if self._crop:
            columns = min(width, max(1, height * self.width // self.height))
            rows = min(height, max(1, width * self.height // self.width))
        source, left, top = (height, width), (width - columns) // 2, (height - rows) // 2
        goal = self.height, self.width
        while True:
            target = goal
            if rows >= 2 * self.height and columns >= 2 * self.width:
                target = rows, columns = rows // 2, columns // 2
                yield _pass(source, left, top, 2 * columns, 2 * rows, target)
            else:
                yield _pass(source, left, top, columns, rows, target)
            if target == goal:
                return
            source, left, top = target, 0, 0

    def _swap(self):
        values = self.tensor.to_numpy()
        pixels = values.tobytes()
        for index in range(0, len(pixels), 3):
            pixels[index], pixels[index + 2] = pixels[index + 2], pixels[index]
        self.tensor = nncase_runtime.from_numpy(values)


def _pass(source, left, top, columns, rows, target):
    # The AI2D, its builder, and the tensor for the result. Sizes are (height, width).
    ai2d, packed = nncase_runtime.ai2d(), nncase_runtime.ai2d_format.RGB_packed
    ai2d.set_dtype(packed, packed, numpy.uint8, numpy.uint8)
    ai2d.set_crop_param(True, left, top, columns, rows)
    methods = nncase_runtime.interp_method.tf_bilinear, nncase_runtime.interp_mode.half_pixel
    ai2d.set_resize_param(True, *methods)
    shape = (1,) + target + (3,)
    result = nncase_runtime.from_numpy(numpy.zeros(shape, dtype=numpy.uint8))
    return ai2d, ai2d.build([1, source[0], source[1], 3], list(shape)), result


load = _Runtime
