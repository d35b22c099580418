# SPDX-License-Identifier: MIT
"""Cameras of ESP32 boards with PSRAM, through micropython-camera-API.

{"driver": "esp32", "pins": {"data": [15, 17, …], "vsync": 38, …}, "format": "rgb565", "frame": "QVGA"}

pins     as in the board's TOML; missing ones default to those that the firmware was built with
format   rgb565 (default), grey, jpeg (smaller in PSRAM, slower to read) or rgb888
frame    name of a frame size of the module (default QVGA, 320 x 240)
clock    clock of the sensor in Hz (default 20000000)
"""

from time import ticks_diff, ticks_us

import camera

from ..errors import GalagoError
from .frame import Frame, jpeg

_FORMATS = {"rgb565": "RGB565", "grey": "GRAYSCALE", "jpeg": "JPEG", "rgb888": "RGB888"}
_KINDS = {"rgb565": "rgb565", "grey": "grey", "rgb888": "bgr888"}  # esp32-camera stores blue first


def open(settings):  # noqa: A001
    """Starts the camera. Raises GalagoError camera.missing, config.invalid or camera.failed."""
    if not hasattr(camera, "Camera"):  # lemariva's micropython-camera-driver has functions only
        raise GalagoError(
            "camera.missing",
            "this firmware's module 'camera' has no class Camera, it is another driver: install a firmware "
            "with micropython-camera-API",
        )
    return _Camera(settings)


class _Camera:
    def __init__(self, settings):
        self._format = settings.get("format", "rgb565")
        frame = settings.get("frame", "QVGA")
        if self._format not in _FORMATS or not hasattr(camera.FrameSize, frame):
            raise GalagoError(
                "config.invalid",
                "the camera has no format '%s' with size '%s': try rgb565 and QVGA" % (self._format, frame),
            )
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
            raise GalagoError(
                "camera.failed", "the camera does not start (%s): check its pins and its cable" % error
            ) from None
        # The only buffer is refilled as soon as it is released: its frame is as old as the last capture.
        self._skip = settings.get("skip", 1)
        self._swap = settings.get("swap", False)

    def capture(self, resizer, tensor):
        """Captures a new frame into the input tensor."""
        start = ticks_us()
        resizer.us_resize = 0
        try:
            for _ in range(self._skip):
                self._camera.capture()
            frame = self._camera.capture()
            if frame is None:
                raise GalagoError("camera.failed", "the camera delivers no frame: check its cable")
            if self._format == "jpeg":
                picture = jpeg(frame)
            else:
                kind = _KINDS[self._format]
                picture = Frame(frame, self._width, self._height, kind, self._swap)
            resizer.take(picture, tensor)
        except (OSError, RuntimeError) as error:
            text = "the camera delivers no frame (%s): check its cable"
            raise GalagoError("camera.failed", text % error) from None
        finally:
            self._camera.free_buffer()
        resizer.us_read = ticks_diff(ticks_us(), start) - resizer.us_resize

    def close(self):
        """Switches the camera off."""
        self._camera.deinit()
