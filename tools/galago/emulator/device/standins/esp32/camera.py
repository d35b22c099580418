# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false
"""`camera` of micropython-camera-API 0.6: one camera, frames as memoryviews of signed bytes.

The next capture overwrites a frame, whose memory is PSRAM outside the heap.
"""

from array import array

import _host

_SIZES = {"R96X96": (96, 96), "QQVGA": (160, 120), "R128x128": (128, 128), "QCIF": (176, 144)}
_SIZES.update({"HQVGA": (240, 176), "R240X240": (240, 240), "QVGA": (320, 240), "R320X320": (320, 320)})
_SIZES.update({"CIF": (400, 296), "HVGA": (480, 320), "VGA": (640, 480)})
_NUMBERS = {name: number for number, name in enumerate(_SIZES)}
_NUMBERS.update({"R96X96": 0, "QQVGA": 1, "R128x128": 2, "QCIF": 3, "HQVGA": 4, "R240X240": 5, "QVGA": 6})
_NUMBERS.update({"R320X320": 7, "CIF": 8, "HVGA": 9, "VGA": 10})
_BY_NUMBER = {number: _SIZES[name] for name, number in _NUMBERS.items()}
_KINDS = {0: "rgb565", 3: "grey", 4: "jpeg", 5: "bgr888"}

_memory = array("b", bytes(640 * 480 * 3))


class FrameSize:
    """Frame sizes by name."""


for _name in _NUMBERS:
    setattr(FrameSize, _name, _NUMBERS[_name])


class PixelFormat:
    """Pixel formats."""

    RGB565 = 0
    YUV422 = 1
    GRAYSCALE = 3
    JPEG = 4
    RGB888 = 5


class GrabMode:
    """When a frame buffer is filled: as soon as it is free, or with the latest frame."""

    WHEN_EMPTY = 0
    LATEST = 1


class Camera:
    """The camera; a second object takes it over from the first."""

    def __init__(
        self,
        *,
        data_pins,
        pclk_pin,
        vsync_pin,
        href_pin,
        xclk_pin,
        sda_pin=-1,
        scl_pin=-1,
        xclk_freq=20000000,
        powerdown_pin=-1,
        reset_pin=-1,
        pixel_format=0,
        frame_size=6,
        jpeg_quality=85,
        fb_count=1,
        grab_mode=0,
        init=True,
    ):
        if len(data_pins) != 8:
            raise ValueError("data_pins must have 8 elements")
        if sda_pin == -1 or scl_pin == -1:
            raise ValueError("Either i2c object or sda_pin/scl_pin must be specified")
        if not 0 <= jpeg_quality <= 100:
            raise ValueError("jpeg quality must be in range 0-100")
        if pixel_format not in _KINDS or frame_size not in _BY_NUMBER:
            raise OSError("Camera not supported")
        self._format = pixel_format
        self._size = _BY_NUMBER[frame_size]
        self._settings = (jpeg_quality, fb_count, grab_mode == GrabMode.LATEST)
        self.initialized = self._mirror = self._flip = False
        self.init()
        if self.capture() is None:
            self.deinit()
            raise OSError(
                "Failed to capture initial frame. Construct a new object with appropriate configuration."
            )
        self.free_buffer()
        if not init:
            self.deinit()

    def init(self):
        """Start the camera."""
        if not self.initialized:
            _host.call("camera_start", *self._size, _KINDS[self._format], *self._settings)
            self.initialized = True

    def deinit(self):
        """Stop the camera."""
        self.initialized = False

    def capture(self):
        """Returns the next frame, or None if there is none."""
        self._check()
        count = _host.call("camera_capture", into=_memory)
        if count is None:
            return None
        return memoryview(_memory)[:count]

    def free_buffer(self):
        """Give the last frame back."""
        self._check()
        _host.call("camera_release")

    def frame_available(self):
        """Returns True: there is always a frame."""
        self._check()
        return True

    def set_hmirror(self, value):
        """Mirror the picture horizontally."""
        self._check()
        self._mirror = bool(value)
        _host.call("camera_turn", self._mirror, self._flip)

    def set_vflip(self, value):
        """Flip the picture vertically."""
        self._check()
        self._flip = bool(value)
        _host.call("camera_turn", self._mirror, self._flip)

    def get_pixel_width(self):
        """Returns the width of a frame in pixels."""
        self._check()
        return self._size[0]

    def get_pixel_height(self):
        """Returns the height of a frame in pixels."""
        self._check()
        return self._size[1]

    def _check(self):
        if not self.initialized:
            raise OSError("Camera not initialized")
