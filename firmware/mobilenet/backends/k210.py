# SPDX-License-Identifier: MIT
"""The common part of the K210's backends: pictures in the KPU's format, and a check of its scores.

    pictures = Pictures(model, turned)
    pictures.read("/sd/cat.bmp")            # from a file: crops, shrinks and turns it
    pictures.take(sensor.snapshot())        # from a camera, whose sensor turns the picture
    pictures[0] = -128 & 0xFF               # or byte by byte, from the first to the last
    pictures.image                          # input of the KPU

The KPU computes with bytes that the firmware derives from RGB565 pixels (`pix_to_ai`). A kmodel may expect
its pictures rotated by 180 degrees: `turned` (docs/k210.md).
"""

import gc
from time import ticks_diff, ticks_us

import image

from ..errors import GalagoError


def supports(name, model):
    """Returns None, or the reason why the KPU cannot run this model."""
    if not model.runtime(name, "classes"):
        return "its directory on this board has no kmodel: flash it again for this board"
    if model.channels != 3 or model.resize == "pad":
        return "its input is not a colour picture that is cropped or stretched"
    if model.transform:
        return "its inputs are not pixel - 128"
    if model.activation != "softmax":
        return "its outputs are not those of a softmax"
    return None


class Runtime:
    """Base class of both backends. A subclass defines what differs between the firmwares:

    name                    name of the backend
    _load(place, size)      loads a kmodel of `size` bytes from a path or an address in flash
    _run(picture)           returns the scores, floats
    _unload()               frees the kmodel
    """

    name = ""

    def __init__(self, model):
        gc.collect()
        try:
            place = model.runtime(self.name, "address") or model.file("kmodel")
            self._load(place, model.runtime(self.name, "bytes"))
        except (ValueError, OSError) as error:
            raise GalagoError(
                "backend.refused",
                "%s cannot load the kmodel of %s (%s): use a smaller model, or the firmware named minimum"
                % (self.name, model.name, error),
            )
        self.outputs = len(model.labels)
        self.input = self.resizer = Pictures(model, model.runtime(self.name, "turned"))
        try:
            from .golden import check

            check(self.name, self, model)
        except BaseException:
            self.close()
            raise

    def invoke(self):
        """Returns the scores, floats."""
        return self._run(self.input.image)

    def confidence(self, score):
        """Returns the score itself: scores are probabilities."""
        return score

    def close(self):
        """Frees all memory."""
        self._unload()
        self.input = self.resizer = None
        gc.collect()


class Pictures:
    """The input and the resizer of a backend: `image` has the model's size, and the bytes for the KPU."""

    def __init__(self, model, turned):
        self.height = model.height
        self.width = model.width
        self.turned = turned
        self.image = None
        self.us_read = self.us_resize = 0
        self._resize = model.resize
        self._pixel = [0, 0, 0]

    def __len__(self):
        return 3 * self.height * self.width

    def __setitem__(self, index, value):
        if index == 0:
            self.image = image.Image(size=(self.width, self.height))
        self._pixel[index % 3] = (value & 255) ^ 128
        if index % 3 == 2:
            last = self.height * self.width - 1
            self.image[last - index // 3 if self.turned else index // 3] = tuple(self._pixel)
        if index == len(self) - 1:
            self.image.pix_to_ai()

    def read(self, path, tensor=None):
        """Reads a picture file. Raises GalagoError image.missing or image.unsupported."""
        start = ticks_us()
        name = path.rsplit("/", 1)[-1]
        self.image = None  # frees memory that the new picture may need
        try:
            picture = image.Image(path)
        except OSError as error:
            raise GalagoError("image.missing", "%s: cannot be read (%s)" % (name, error))
        except Exception as error:  # the firmware's decoders raise exceptions of any type
            raise GalagoError(
                "image.unsupported", "%s: %s: send a BMP or a baseline JPEG in colour" % (name, error)
            )
        self.us_read = ticks_diff(ticks_us(), start)
        self.take(picture)
        if self.turned:
            _turn(self.image)
        self.image.pix_to_ai()
        self.us_resize = ticks_diff(ticks_us(), start) - self.us_read

    def take(self, picture):
        """Crops and shrinks an image of any size to the model's input, without making the KPU's bytes."""
        wide, high = picture.width(), picture.height()
        if self._resize == "crop" and wide * self.height != high * self.width:
            columns = min(wide, high * self.width // self.height)
            rows = min(high, wide * self.height // self.width)
            picture = picture.copy(roi=((wide - columns) // 2, (high - rows) // 2, columns, rows))
            wide, high = columns, rows
        across, down = wide // self.width, high // self.height
        if across > 1 or down > 1:  # averages first, because `resize` skips pixels
            picture = picture.mean_pooled(max(across, 1), max(down, 1))
            wide, high = picture.width(), picture.height()
        if (wide, high) != (self.width, self.height):
            picture = picture.resize(self.width, self.height)
        self.image = picture


def _turn(picture):
    try:
        picture.replace(picture, hmirror=True, vflip=True)
    except AttributeError:  # a minimal firmware
        last = picture.width() * picture.height() - 1
        for i in range((last + 1) // 2):
            picture[i], picture[last - i] = picture[last - i], picture[i]
