# SPDX-License-Identifier: MIT
"""Cameras of OpenMV's firmware: `csi.CSI` since 4.8, `sensor` before.

{"driver": "openmv", "format": "rgb565", "frame": "QVGA"}

format   rgb565 (default) or grey
frame    name of a frame size of the module (default QVGA, 320 x 240)
"""

from ..errors import GalagoError
from .driver import Driver, not_started, unknown_format
from .frame import Frame

try:
    import csi
except ImportError:
    csi = None
if not hasattr(csi, "CSI"):  # in 4.6 and 4.7 `csi` is an alias of `sensor`
    csi = None
    try:
        import sensor
    except RuntimeError as error:  # importing it probes the camera
        raise GalagoError("camera.failed", "%s: check the camera's cable" % error) from None
    if not hasattr(sensor, "set_framebuffers"):  # MaixPy's module of the same name
        raise ImportError("sensor is not OpenMV's")

_FORMATS = {"rgb565": "RGB565", "grey": "GRAYSCALE"}
_KINDS = {"rgb565": "rgb565le", "grey": "grey"}
_SETTLE = 500  # milliseconds for exposure and white balance to settle, as in OpenMV's examples


def open(settings):  # noqa: A001
    """Starts the camera. Raises GalagoError config.invalid or camera.failed."""
    return _Camera(settings)


def _turn(settings, mirror, flip):
    # Only if configured: the firmware already turns sensors that are mounted upside down.
    if "mirror" in settings:
        mirror(settings["mirror"])
    if "flip" in settings:
        flip(settings["flip"])


class _Camera(Driver):
    def __init__(self, settings):
        super().__init__(settings, skip=0)
        module = csi or sensor
        chosen = settings.get("format", "rgb565")
        frame = settings.get("frame", "QVGA")
        if chosen not in _FORMATS or not hasattr(module, frame):
            raise unknown_format(chosen, frame)
        pixels, size = getattr(module, _FORMATS[chosen]), getattr(module, frame)
        self._kind = _KINDS[chosen]
        try:
            # With one frame buffer, exposure starts when a snapshot is requested: no frame is older.
            if csi:
                self._eye = eye = csi.CSI()
                eye.reset()
                eye.pixformat(pixels)
                eye.framesize(size)
                eye.framebuffers(1)
                _turn(settings, eye.hmirror, eye.vflip)
                eye.snapshot(time=_SETTLE)
            else:
                self._eye = sensor
                sensor.reset()
                sensor.set_pixformat(pixels)
                sensor.set_framesize(size)
                sensor.set_framebuffers(1)
                _turn(settings, sensor.set_hmirror, sensor.set_vflip)
                sensor.skip_frames(time=_SETTLE)
        except (OSError, RuntimeError, ValueError) as error:
            raise not_started(error) from None

    def _grab(self):
        return self._eye.snapshot()

    def _picture(self, image):
        return Frame(image.bytearray(), image.width(), image.height(), self._kind, self._swap)

    def close(self):
        """Switches the camera off."""
        self._eye.shutdown(True)
