# SPDX-License-Identifier: MIT
"""Cameras of CanMV on a K230, firmware 0.7 or newer: `media.sensor`.

{"driver": "canmv_k230", "format": "rgb888", "frame": "QVGA"}

format   rgb888 (default) or grey
frame    name of a frame size of Sensor (default QVGA, 320 x 240); others than 4:3 are distorted
"""

from time import sleep_ms

from media.media import MediaManager
from media.sensor import Sensor

from .driver import Driver, not_started, unknown_format
from .frame import Frame

_FORMATS = {"rgb888": "RGB888", "grey": "GRAYSCALE"}
_WIDE, _HIGH = 1280, 960  # a mode of OV5647 and GC2093: the whole 4:3 of their sensors, not a strip of 16:9
_SETTLE = 500  # milliseconds for exposure and white balance to settle
_ERRORS = (OSError, RuntimeError, AssertionError, TypeError)  # what the firmware raises


def open(settings):  # noqa: A001
    """Starts the camera. Raises GalagoError config.invalid or camera.failed."""
    return _Camera(settings)


class _Camera(Driver):
    def __init__(self, settings):
        # Frames wait in buffers that the firmware does not let us choose: one is taken to be old.
        super().__init__(settings, skip=1)
        self._kind = settings.get("format", "rgb888")
        frame = settings.get("frame", "QVGA")
        if self._kind not in _FORMATS or not hasattr(Sensor, frame):
            raise unknown_format(self._kind, frame, "rgb888")
        self._eye = None
        try:
            self._eye = eye = Sensor(width=_WIDE, height=_HIGH)
            eye.reset()
            eye.set_framesize(getattr(Sensor, frame))
            eye.set_pixformat(getattr(Sensor, _FORMATS[self._kind]))
            # Only if configured: the firmware already turns sensors that are mounted upside down.
            if "mirror" in settings:
                eye.set_hmirror(settings["mirror"])
            if "flip" in settings:
                eye.set_vflip(settings["flip"])
            MediaManager.init()  # does nothing in the newest firmware; others need it before run()
            eye.run()
            sleep_ms(_SETTLE)
        except _ERRORS as error:
            self.close()  # or the sensor would be in use when it is opened again
            raise not_started(error, "check its cable, then reset the board") from None

    def _grab(self):
        frame = self._eye.snapshot()
        return frame if hasattr(frame, "to_numpy_ref") else None  # something else where a capture failed

    def _picture(self, frame):
        pixels = frame.to_numpy_ref().tobytes()  # of ulab: the frame's memory, not a copy
        return Frame(pixels, frame.width(), frame.height(), self._kind, self._swap)

    def close(self):
        """Switches the camera off."""
        for end in [self._eye.stop, MediaManager.deinit] if self._eye else []:  # in this order
            try:
                end()
            except _ERRORS:  # it had not started
                pass
