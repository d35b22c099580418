# SPDX-License-Identifier: MIT
"""`image` of OpenMV: pixels in memory, grey or RGB565 with the low byte first."""

BINARY, GRAYSCALE, RGB565 = 1, 2, 3  # numbers of our own: the real ones are opaque
BILINEAR, CENTER, SCALE_ASPECT_IGNORE, BLACK_BACKGROUND = 1, 2, 4, 8


class Image:
    """An image over a buffer of its size, or over memory of its own."""

    def __init__(self, width, height, pixformat, *, buffer=None):
        if not isinstance(width, int):
            raise OSError("Image I/O is not supported")
        self._width, self._height, self._format = width, height, pixformat
        size = self.size()
        self._buffer = memoryview(bytearray(size) if buffer is None else buffer)[:size]

    def width(self):
        """In pixels."""
        return self._width

    def height(self):
        """In pixels."""
        return self._height

    def format(self):
        """GRAYSCALE or RGB565."""
        return self._format

    def size(self):
        """In bytes."""
        return self._width * self._height * (2 if self._format == RGB565 else 1)

    def bytearray(self):
        """The pixels themselves, no copy."""
        return self._buffer
