# SPDX-License-Identifier: MIT
"""Cameras of ESP32 boards with PSRAM, through micropython-camera-API.

{"driver": "esp32", "pins": {"data": [15, 17, …], "vsync": 38, …}, "format": "rgb565", "frame": "QVGA"}

pins     as in the board's TOML; missing ones default to those that the firmware was built with
format   rgb565 (default), grey, jpeg (smaller in PSRAM, slower to read) or rgb888
frame    name of a frame size of the module (default QVGA, 320 x 240)
clock    clock of the sensor in Hz (default 20000000)
"""

import camera

from .driver import Driver, not_started, unknown_format
from .frame import Frame

if not hasattr(camera, "Camera"):
    raise ImportError("camera is another module")

_FORMATS = {"rgb565": "RGB565", "grey": "GRAYSCALE", "jpeg": "JPEG", "rgb888": "RGB888"}
_KINDS = {"rgb565": "rgb565", "grey": "grey", "rgb888": "bgr888"}  # esp32-camera stores blue first


def open(settings):  # noqa: A001
    """Starts the camera. Raises GalagoError config.invalid or camera.failed."""
    return _Camera(settings)


class _Camera(Driver):
    def __init__(self, settings):
        # The only buffer is refilled as soon as it is released: its frame is as old as the last capture.
        super().__init__(settings, skip=1)
        self._format = settings.get("format", "rgb565")
        frame = settings.get("frame", "QVGA")
        if self._format not in _FORMATS or not hasattr(camera.FrameSize, frame):
            raise unknown_format(self._format, frame)
        arguments = {signal + "_pin": pin for signal, pin in settings.get("pins", {}).items()}
        if "data_pin" in arguments:
            arguments["data_pins"] = arguments.pop("data_pin")
        try:
            self._camera = eye = camera.Camera(
                pixel_format=getattr(camera.PixelFormat, _FORMATS[self._format]),
                frame_size=getattr(camera.FrameSize, frame),
                xclk_freq=settings.get("clock", 20000000),
                fb_count=1,
                grab_mode=camera.GrabMode.WHEN_EMPTY,
                **arguments,
            )
            # Only if configured: the firmware turns some sensors by itself, and some cannot be turned.
            if "mirror" in settings:
                eye.set_hmirror(settings["mirror"])
            if "flip" in settings:
                eye.set_vflip(settings["flip"])
            self._width, self._height = eye.get_pixel_width(), eye.get_pixel_height()
        except (OSError, RuntimeError, ValueError, TypeError) as error:
            raise not_started(error) from None

    def _grab(self):
        return self._camera.capture()

    def _picture(self, frame):
        if self._format == "jpeg":
            return self._jpeg(frame)
        return Frame(frame, self._width, self._height, _KINDS[self._format], self._swap)

    def _release(self):
        self._camera.free_buffer()

    def close(self):
        """Switches the camera off."""
        self._camera.deinit()
