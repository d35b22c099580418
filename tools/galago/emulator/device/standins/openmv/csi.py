# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportOptionalSubscript=false
"""`csi` of OpenMV's firmware from 4.8 on: each snapshot overwrites the last one in the camera's memory.

With one frame buffer an exposure starts when a snapshot is requested; with more, old frames wait there.
"""

import time as _time

import _host
import image as _image

GRAYSCALE, RGB565 = _image.GRAYSCALE, _image.RGB565
JPEG = 6
QQQVGA, QQVGA, HQVGA, QVGA, HVGA, VGA = 1, 2, 3, 4, 5, 6
_SIZES = {1: (80, 60), 2: (160, 120), 3: (240, 160), 4: (320, 240), 5: (480, 320), 6: (640, 480)}

_memory = bytearray(640 * 480 * 2)


class CSI:
    """The camera. Errors are RuntimeErrors with the firmware's texts."""

    def __init__(self, *, cid=-1, delays=True, fflush=True, stream=None):
        self._clear()

    def _clear(self):
        self._format = self._size = None
        self._buffers = 3
        self._started = self._mirror = self._flip = False

    def reset(self, *, hard=True):
        """Reset all settings."""
        self._clear()

    def shutdown(self, enable):
        """Switch the camera off."""
        self._started = False

    def pixformat(self, value=None):
        """Returns or sets RGB565 or GRAYSCALE."""
        if value is None:
            return self._format
        if value not in (GRAYSCALE, RGB565):
            raise RuntimeError("Pixel format is not supported or is not set.")
        self._format = value
        self._started = False

    def framesize(self, value=None):
        """Returns or sets one of the sizes, or (width, height)."""
        if value is None:
            return self._size
        if not isinstance(value, tuple) and value not in _SIZES:
            raise RuntimeError("Frame size is not supported or is not set.")
        self._size = value if isinstance(value, tuple) else _SIZES[value]
        self._started = False

    def framebuffers(self, value=None):
        """Returns or sets the number of frame buffers."""
        if value is None:
            return self._buffers
        if value < 1:
            raise RuntimeError("An invalid argument is used.")
        self._buffers = value
        self._started = False

    def hmirror(self, value=None):
        """Mirror the picture horizontally."""
        if value is None:
            return self._mirror
        self._mirror = bool(value)
        self._started = False

    def vflip(self, value=None):
        """Flip the picture vertically."""
        if value is None:
            return self._flip
        self._flip = bool(value)
        self._started = False

    def width(self):
        """Returns the width of the frame in pixels."""
        return self._size[0]

    def height(self):
        """Returns the height of the frame in pixels."""
        return self._size[1]

    def snapshot(self, *, time=-1, frames=-1):
        """Returns the next frame as an Image; with `time` (ms) or `frames`, skips frames and returns None."""
        if not self._format:
            raise RuntimeError("Pixel format is not supported or is not set.")
        if not self._size:
            raise RuntimeError("Frame size is not supported or is not set.")
        if not self._started:
            kind = "rgb565le" if self._format == RGB565 else "grey"
            _host.call("camera_start", *self._size, kind, 85, self._buffers, self._buffers == 1)
            _host.call("camera_turn", self._mirror, self._flip)
            self._started = True
        if time >= 0 or frames >= 0:
            _time.sleep_ms(max(0, time))  # frames of that time are discarded
            return None
        image = _image.Image(*self._size, self._format, buffer=_memory)
        if _host.call("camera_capture", into=_memory) != image.size():  # no frame, or a truncated one
            raise RuntimeError("Frame capture has failed.")
        return image
