# SPDX-License-Identifier: MIT
"""Cameras of the K210's firmwares, MaixPy and CanMV: captures frames for the KPU.

If a kmodel expects its pictures rotated by 180 degrees, the sensor mirrors and flips them. `mirror` and
`flip` describe how the camera is mounted.
"""

from time import ticks_diff, ticks_us

import sensor

from ..errors import GalagoError

if not hasattr(sensor, "run"):
    raise ImportError("sensor is OpenMV's")

_WIDE, _HIGH = 320, 240  # QVGA
_SETTLE = 500  # milliseconds for exposure and white balance to settle


def open(settings):  # noqa: A001
    """Returns the camera. It starts with the first capture, when the size of the model's input is known."""
    return _Camera(settings)


class _Camera:
    def __init__(self, settings):
        self._mirror = bool(settings.get("mirror", False))
        self._flip = bool(settings.get("flip", False))
        self._skip = settings.get("skip", 1)  # the sensor fills one buffer ahead
        self._started = False

    def _start(self, pictures):
        times = max(1, min(_WIDE // pictures.width, _HIGH // pictures.height))
        window = min(_WIDE, times * pictures.width), min(_HIGH, times * pictures.height)
        sensor.reset()
        sensor.set_pixformat(sensor.RGB565)
        sensor.set_framesize(sensor.QVGA)
        sensor.set_windowing(window)
        turned = bool(pictures.turned)
        sensor.set_hmirror(self._mirror != turned)
        sensor.set_vflip(self._flip != turned)
        sensor.run(1)
        sensor.skip_frames(time=_SETTLE)
        self._started = True

    def capture(self, resizer, pictures):
        """Captures a new frame into the backend's Pictures."""
        start = ticks_us()
        try:
            if not self._started:
                self._start(pictures)
            for _ in range(self._skip):
                sensor.snapshot()
            frame = sensor.snapshot()
        except (OSError, RuntimeError, TypeError) as error:
            self._started = False
            raise GalagoError("camera.failed", "the camera delivers no frame (%s): check its cable" % error)
        pictures.us_read = ticks_diff(ticks_us(), start)
        pictures.take(frame)
        if pictures.image is not frame:  # the sensor makes the KPU's bytes for complete frames only
            pictures.image.pix_to_ai()
        pictures.us_resize = ticks_diff(ticks_us(), start) - pictures.us_read

    def close(self):
        """Stops the camera."""
        sensor.run(0)
