# SPDX-License-Identifier: MIT
"""`image` of OpenMV: pixels in memory, grey or little-endian RGB565."""

BINARY, GRAYSCALE, RGB565 = 1, 2, 3  # our own numbers; the real ones are opaque
BILINEAR, CENTER, SCALE_ASPECT_IGNORE, BLACK_BACKGROUND = 1, 2, 4, 8


class Image:
    """An image in `buffer`, or in memory of its own."""

    def __init__(self, width, height, pixformat, *, buffer=None):
        if not isinstance(width, int):
            raise OSError("Image I/O is not supported")
        self._width, self._height, self._format = width, height, pixformat
        size = self.size()
        self._buffer = memoryview(bytearray(size) if buffer is None else buffer)[:size]

    def width(self):
        """Returns the width in pixels."""
        return self._width

    def height(self):
        """Returns the height in pixels."""
        return self._height

    def format(self):
        """Returns GRAYSCALE or RGB565."""
        return self._format

    def size(self):
        """Returns the size in bytes."""
        return self._width * self._height * (2 if self._format == RGB565 else 1)

    def bytearray(self):
        """Returns the pixels without a copy."""
        return self._buffer
