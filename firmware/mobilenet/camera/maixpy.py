# SPDX-License-Identifier: MIT
"""Cameras of the K210's firmwares, MaixPy and CanMV: frames for the KPU.

A kmodel that wants its pictures turned gets them from the sensor: mirrored and flipped is rotated by 180
degrees. `mirror` and `flip` say how the camera is mounted.
"""

from time import ticks_diff, ticks_us

import sensor

from ..errors import GalagoError

if not hasattr(sensor, "run"):
    raise ImportError("sensor is OpenMV's")

_WIDE, _HIGH = 320, 240  # QVGA
_SETTLE = 500  # milliseconds until exposure and white balance have found the scene


def open(settings):  # noqa: A001
    """The camera, which starts with the first capture: only then is it known what the model wants."""
    return _Camera(settings)


class _Camera:
    def __init__(self, settings):
        self._mirror = bool(settings.get("mirror", False))
        self._flip = bool(settings.get("flip", False))
        self._skip = settings.get("skip", 1)  # the sensor fills a buffer ahead
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
        """A new frame into the backend's pictures."""
        start = ticks_us()
        try:
            if not self._started:
                self._start(pictures)
            for _ in range(self._skip):
                sensor.snapshot()
            frame = sensor.snapshot()
        except (OSError, RuntimeError, TypeError) as error:
            self._started = False
            raise GalagoError("camera.failed", "the camera gives no frame (%s): check its cable" % error)
        pictures.us_read = ticks_diff(ticks_us(), start)
        pictures.take(frame)
        if pictures.image is not frame:  # the sensor makes the KPU's bytes of whole frames only
            pictures.image.pix_to_ai()
        pictures.us_resize = ticks_diff(ticks_us(), start) - pictures.us_read

    def close(self):
        """Stops the camera."""
        sensor.run(0)
