# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false
"""`image` of CanMV on a K230, as far as a classifier needs it: pixels that ulab sees without a copy.

The emulator decodes files of the formats that the manual names: BMP, PGM, PPM, JPEG.
"""

from array import array

import _host
from ulab import ndarray

GRAYSCALE, RGB888 = 1, 2  # our own numbers; the real ones are opaque


class Image:
    """An image from a file, or a black one of rows of RGB pixels or grey ones."""

    def __init__(self, path, height=0, pixformat=RGB888):
        width, pixels = path, None
        if isinstance(path, str):
            with open(path, "rb") as file:
                (width, height), pixels = _host.call("k230_decode", data=file.read())
        shape = (height, width, 3) if pixformat == RGB888 else (height, width)
        size = width * height * (3 if pixformat == RGB888 else 1)
        self._pixels = ndarray(array("B", pixels or bytes(size)), shape)

    def to_rgb888(self):
        """Returns a new image of RGB pixels."""
        image = Image(self.width(), self.height())
        image._pixels = ndarray(self._pixels._values[:], self._pixels.shape)
        return image

    def width(self):
        """Returns the width in pixels."""
        return self._pixels.shape[1]

    def height(self):
        """Returns the height in pixels."""
        return self._pixels.shape[0]

    def to_numpy_ref(self):
        """Returns an array of the pixels in the image's own memory."""
        return self._pixels
