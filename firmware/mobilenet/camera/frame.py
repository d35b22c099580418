# SPDX-License-Identifier: MIT
"""A camera frame in memory as a Picture: its rows go to the Resizer without being copied.

    resizer.take(Frame(buffer, 320, 240, "rgb565"), tensor)
    resizer.take(jpeg(buffer), tensor)

Kinds: "rgb565" (high byte first, as sensors send it), "rgb565le" (low byte first), "rgb888", "bgr888" and
"grey". `swap` exchanges red and blue.
"""

from ..errors import GalagoError
from ..image.picture import BGR, BGR565, BGR565_LOW, GREY, RGB, RGB565, RGB565_LOW, Picture, PictureFile

_LAYOUTS = {  # kind: layout, and the one with red and blue exchanged
    "rgb565": (RGB565, BGR565),
    "rgb565le": (RGB565_LOW, BGR565_LOW),
    "rgb888": (RGB, BGR),
    "bgr888": (BGR, RGB),
    "grey": (GREY, GREY),
}


class Frame(Picture):
    """A frame of raw pixels. Raises GalagoError camera.failed if the buffer is not a complete frame."""

    def __init__(self, buffer, width, height, kind, swap=False):
        self._buffer = memoryview(buffer)
        self.width = width
        self.height = height
        self.layout = _LAYOUTS[kind][bool(swap)]
        size = width * height * self.layout[0]
        if len(buffer) != size:
            raise GalagoError(
                "camera.failed",
                "the camera delivered %d bytes, expected %d: check its cable and its settings"
                % (len(buffer), size),
            )

    def __exit__(self, *_):
        pass

    def strips(self, left, top, width, height):
        """Yields the rows of this window, all at once."""
        size = self.layout[0]
        yield self._buffer, (top * self.width + left) * size, self.width * size, height


def jpeg(buffer, file=None):
    """Opens a JPEG in memory as a Picture. Raises GalagoError image.* if it cannot be used.

    `file` is the PictureFile of an earlier one, whose memory is used again.
    """
    from ..image.jpeg import open_jpeg

    file = file or PictureFile(516)
    file.name = "frame"
    file.begin(_Stream(buffer), len(buffer))
    return open_jpeg(file)


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
