# SPDX-License-Identifier: MIT
"""What drivers share whose frames are pixels in memory: a new frame goes to the Resizer row by row.

class _Camera(Driver):
    def _grab(self):                # the next frame, None if the camera delivers none
    def _picture(self, frame):      # a frame as a Picture (frame.py)
    def _release(self):             # after each capture, for modules that lend their frames
"""

from time import ticks_diff, ticks_us

from ..errors import GalagoError


class Driver:
    """`skip` is the number of frames that may be buffered: older than a call of `capture`."""

    def __init__(self, settings, skip):
        self._skip = settings.get("skip", skip)
        self._swap = settings.get("swap", False)

    def capture(self, resizer, tensor):
        """Captures a new frame into the input tensor. Raises GalagoError camera.failed."""
        start = ticks_us()
        resizer.us_resize = 0
        try:
            for _ in range(self._skip):
                self._grab()
            frame = self._grab()
            if frame is None:
                raise GalagoError("camera.failed", "the camera delivers no frame: check its cable")
            resizer.take(self._picture(frame), tensor)
        except (OSError, RuntimeError) as error:
            text = "the camera delivers no frame (%s): check its cable"
            raise GalagoError("camera.failed", text % error) from None
        finally:
            self._release()
        resizer.us_read = ticks_diff(ticks_us(), start) - resizer.us_resize

    def _release(self):
        pass


def not_started(error):
    """Returns the GalagoError for a camera whose module raised `error`."""
    return GalagoError(
        "camera.failed", "the camera does not start (%s): check its pins and its cable" % error
    )


def unknown_format(name, frame):
    """Returns the GalagoError for settings that the camera does not have."""
    return GalagoError(
        "config.invalid",
        "the camera has no format '%s' with size '%s': try rgb565 and QVGA" % (name, frame),
    )
