# SPDX-License-Identifier: MIT
"""What drivers share whose frames are pixels in memory: a new frame goes to the Resizer row by row.

class _Camera(Driver):
    def _grab(self):                # the next frame, None if the camera delivers none
    def _picture(self, frame):      # a frame as a Picture (frame.py)
    def _release(self):             # after each capture, for modules that lend their frames
"""

from time import ticks_diff, ticks_us

from ..errors import GalagoError
from ..image.picture import PictureFile
from .frame import jpeg


class Driver:
    """`skip` is the number of frames that may be buffered: older than a call of `capture`."""

    _file = None  # with the memory of the last JPEG

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
        except (OSError, RuntimeError, AssertionError) as error:
            text = "the camera delivers no frame (%s): check its cable"
            raise GalagoError("camera.failed", text % _words(error)) from None
        finally:
            self._release()
            if self._file:
                self._file.close()  # forgets the frame
        resizer.us_read = ticks_diff(ticks_us(), start) - resizer.us_resize

    def _jpeg(self, frame):
        self._file = self._file or PictureFile(516)
        return jpeg(frame, self._file)

    def _release(self):
        pass


def not_started(error, advice="check its pins and its cable"):
    """Returns the GalagoError for a camera whose module raised `error`."""
    return GalagoError("camera.failed", "the camera does not start (%s): %s" % (_words(error), advice))


def _words(error):
    return " ".join(str(error).split())  # some firmwares explain themselves in several lines


def unknown_format(name, frame, usual="rgb565"):
    """Returns the GalagoError for settings that the camera does not have."""
    return GalagoError(
        "config.invalid",
        "the camera has no format '%s' with size '%s': try %s and QVGA" % (name, frame, usual),
    )
