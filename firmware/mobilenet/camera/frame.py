# SPDX-License-Identifier: MIT
"""A camera frame in memory as a Picture: its rows go to the Resizer one by one, without copying the frame.

    resizer.take(Frame(buffer, 320, 240, "rgb565"), tensor)
    resizer.take(jpeg(buffer), tensor)

Kinds: "rgb565" (high byte first, as sensors send it), "rgb565le" (low byte first), "rgb888", "bgr888" and
"grey". `swap` exchanges red and blue.
"""

import micropython
from micropython import const

from ..errors import GalagoError
from ..image import compiled
from ..image.picture import BGR, GREY, RGB, Picture, PictureFile

_STRIP = const(4096)  # bytes of pixels that are expanded at once, or one row

_BYTES = {"rgb565": 2, "rgb565le": 2, "rgb888": 3, "bgr888": 3, "grey": 1}


class Frame(Picture):
    """A frame of raw pixels. Raises GalagoError camera.failed if the buffer is not a complete frame."""

    def __init__(self, buffer, width, height, kind, swap=False):
        self._buffer = memoryview(buffer)
        self._kind = kind
        self._bytes = _BYTES[kind]
        self.width = width
        self.height = height
        self.layout = GREY if kind == "grey" else BGR if swap != (kind == "bgr888") else RGB
        size = width * height * self._bytes
        if len(buffer) != size:
            raise GalagoError(
                "camera.failed",
                "the camera delivered %d bytes, expected %d: check its cable and its settings"
                % (len(buffer), size),
            )

    def __exit__(self, *_):
        pass

    def strips(self, left, top, width, height):
        """Yields the rows of this window: all of them, or as many as are expanded to RGB888 at a time."""
        size = self._bytes
        stride = self.width * size
        at = top * stride + left * size
        if size != 2:
            yield self._buffer, at, stride, height
            return
        most = max(1, min(height, _STRIP // (3 * width)))
        expanded = bytearray(3 * width * most)
        low = 1 if self._kind == "rgb565" else 0
        while height:
            count = min(height, most)
            _expand(self._buffer, at, stride, width, count, low, expanded)
            yield expanded, 0, 3 * width, count
            at += count * stride
            height -= count


def jpeg(buffer):
    """Opens a JPEG in memory as a Picture. Raises GalagoError image.* if it cannot be used."""
    from ..image.jpeg import JpegPicture

    return JpegPicture(_MemoryFile(buffer), 0, 0)


class _MemoryFile(PictureFile):
    def __init__(self, buffer):
        self.name = "frame"
        self.size = len(buffer)
        self.buffer = bytearray(512)
        self.start = self.stop = self._read = 0
        self._file = _Stream(buffer)


class _Stream:
    # io.BytesIO would copy the frame.
    def __init__(self, buffer):
        self._view = memoryview(buffer)
        self._at = 0

    def readinto(self, into):
        count = min(len(into), len(self._view) - self._at)
        into[:count] = self._view[self._at : self._at + count]
        self._at += count
        return count

    def seek(self, count, whence):
        self._at = min(self._at + count, len(self._view))

    def close(self):
        pass


@micropython.viper
def _expand(pixels: ptr8, at: int, stride: int, width: int, rows: int, low: int, out: ptr8):
    """Expands rows of RGB565 pixels to RGB888 (31 becomes 255); `low` is the index of the low byte."""
    p = 0
    while rows > 0:
        i = at
        end = at + 2 * width
        while i < end:
            value = int(pixels[i + low]) | int(pixels[i + 1 - low]) << 8
            red = value >> 11
            green = (value >> 5) & 63
            blue = value & 31
            out[p] = red << 3 | red >> 2
            out[p + 1] = green << 2 | green >> 4
            out[p + 2] = blue << 3 | blue >> 2
            p += 3
            i += 2
        at += stride
        rows -= 1


compiled.replace(globals())
