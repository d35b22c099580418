# SPDX-License-Identifier: MIT
"""Cameras of ESP32 boards with PSRAM, through micropython-camera-driver by M. Riva (lemariva), a module of
functions that many firmware images for the ESP32-CAM have.

{"driver": "lemariva", "pins": {"data": [5, 18, …], "vsync": 25, …}, "format": "rgb565", "frame": "QVGA"}

pins     as in the board's TOML; missing ones default to those that the firmware was built with
format   rgb565 (default), grey or jpeg
frame    name of a frame size of the module, without FRAME_ (default QVGA, 320 x 240); up to VGA unless jpeg
clock    clock of the sensor in Hz, 10000000 or 20000000 (default)
"""

import camera

from .driver import Driver, not_started, unknown_format
from .frame import Frame

if hasattr(camera, "Camera") or not hasattr(camera, "PSRAM"):
    raise ImportError("camera is another module")

_FORMATS = {"rgb565": "RGB565", "grey": "GRAYSCALE", "jpeg": "JPEG"}
_SIZES = {"96X96": (96, 96), "QQVGA": (160, 120), "QCIF": (176, 144), "HQVGA": (240, 176)}
_SIZES.update({"240X240": (240, 240), "QVGA": (320, 240), "CIF": (400, 296), "HVGA": (480, 320)})
_SIZES["VGA"] = (640, 480)
_NAMES = {"sda": "siod", "scl": "sioc", "powerdown": "pwdn"}  # the module's names of signals


def open(settings):  # noqa: A001
    """Starts the camera. Raises GalagoError config.invalid or camera.failed."""
    return _Camera(settings)


class _Camera(Driver):
    def __init__(self, settings):
        # The only buffer is refilled as soon as its frame is copied, which is when capture() returns.
        super().__init__(settings, skip=1)
        self._format = settings.get("format", "rgb565")
        frame = settings.get("frame", "QVGA")
        self._size = _SIZES.get(frame)
        known = hasattr(camera, "FRAME_" + frame) and (self._size or self._format == "jpeg")
        if self._format not in _FORMATS or not known:
            raise unknown_format(self._format, frame)
        arguments = {_NAMES.get(signal, signal): pin for signal, pin in settings.get("pins", {}).items()}
        for number, pin in enumerate(arguments.pop("data", ())):
            arguments["d%d" % number] = pin
        try:
            camera.deinit()  # without effect unless a program before left it open
            started = camera.init(
                0,
                format=getattr(camera, _FORMATS[self._format]),
                framesize=getattr(camera, "FRAME_" + frame),
                xclk_freq=settings.get("clock", 20000000),
                fb_location=camera.PSRAM,
                **arguments,
            )
            if started is False:
                raise OSError("no answer")
            # Only if configured: the firmware turns some sensors by itself.
            if "mirror" in settings:
                camera.mirror(int(settings["mirror"]))
            if "flip" in settings:
                camera.flip(int(settings["flip"]))
        except (OSError, RuntimeError, ValueError, TypeError) as error:
            raise not_started(error) from None

    def _grab(self):
        return camera.capture() or None

    def _picture(self, frame):
        if self._format == "jpeg":
            return self._jpeg(frame)
        return Frame(frame, self._size[0], self._size[1], self._format, self._swap)

    def close(self):
        """Switches the camera off."""
        camera.deinit()
