# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
"""`media.sensor` of CanMV on a K230 since firmware 0.7, with an OV5647 on its default connector, CSI 2.

A snapshot is as old as the one before it; how many frames wait on a real board is not known. Errors are the
firmware's.
"""

import _host
import image

from .media import MediaManager

_MODES = ((640, 480), (1280, 720), (1280, 960), (1920, 1080), (2592, 1944))
_SIZES = ((160, 120), (320, 240), (640, 480), (96, 64), (128, 128), (1920, 1080))

connected = True  # a test pulls the cable


class Sensor:
    """The sensor on a CSI connector; all arguments have names."""

    RGB565, RGB888, RGBP888, YUV420SP, GRAYSCALE = 10, 11, 12, 13, 14  # our own numbers
    QQVGA, QVGA, VGA, _SMALL, B128X128, FHD = range(6)

    _open = None

    def __init__(self, **settings):
        self._csi = settings.get("id", 2)
        if self._csi > 2:
            raise AssertionError(f"invaild sensor id {self._csi}, should < 2")
        if Sensor._open:
            raise OSError(f"sensor({self._csi}) is already inited.")
        if not connected or self._csi != 2:
            raise RuntimeError(f"Can not found sensor on {self._csi}")
        least = settings.get("width", 1920), settings.get("height", 1080)
        modes = [mode for mode in _MODES if mode[0] >= least[0] and mode[1] >= least[1]]
        self._mode = (modes or _MODES[-1:])[0]
        self._enabled = self._running = False
        self._size = self._format = self._image = None
        self._turned = [False, False]
        Sensor._open = self
        print(f"find sensor ov5647_csi2, type 26, output {self._mode[0]}x{self._mode[1]}@45")

    def _check(self):
        if not self._enabled:
            raise AssertionError("should call reset() first")

    def reset(self):
        """Make the sensor ready for its settings."""
        self._enabled = True

    def set_framesize(self, framesize=-1, chn=0, alignment=0, **size):
        """Set one of the sizes, or `width` (in steps of 16) and `height`, from 64 to the sensor's."""
        self._check()
        sizes = (0, 0) if framesize < 0 else _SIZES[framesize]
        wide, high = size.get("width", sizes[0]), size.get("height", sizes[1])
        wide = -(-wide // 16) * 16
        for name, value, most in (("width", wide, self._mode[0]), ("height", high, self._mode[1])):
            if not 64 <= value <= most:
                raise AssertionError(
                    f"sensor(0) chn({chn}) set_framesize invaild {name}({value}), should be 64 - {most}"
                )
        self._size = wide, high

    def set_pixformat(self, pixels, chn=0):
        """Set the format of frames."""
        self._check()
        self._format = pixels

    def set_hmirror(self, enable):
        """Mirror the picture horizontally, from the next run()."""
        self._check()
        self._turned[0] = bool(enable)

    def set_vflip(self, enable):
        """Flip the picture vertically, from the next run()."""
        self._check()
        self._turned[1] = bool(enable)

    def run(self):
        """Start the stream. Raises RuntimeError without memory for frames, their size or format."""
        self._check()
        if not self._format:
            raise RuntimeError("sensor(0) chn(0) pixel format not set before run")
        if not (MediaManager._ready and self._size):
            raise RuntimeError("sensor(0) run error, vicap init failed(-1)")
        kinds = {Sensor.RGB888: ("rgb888", image.RGB888), Sensor.GRAYSCALE: ("grey", image.GRAYSCALE)}
        kind, pixels = kinds[self._format]
        self._image = image.Image(self._size[0], self._size[1], pixels)
        _host.call("camera_start", self._size[0], self._size[1], kind)
        _host.call("camera_turn", self._turned[0], self._turned[1])
        self._running = True

    def snapshot(self, chn=0):
        """Returns the next frame, in the same memory each time; something else if the capture failed."""
        self._check()
        if not self._running:
            raise RuntimeError(f"sensor(0) snapshot chn({chn}) failed(-1)")
        pixels = self._image.to_numpy_ref().tobytes()
        size = _host.call("camera_capture", into=pixels)
        _host.call("camera_release")  # the sensor goes on at once
        if size is None:
            return -1
        if size != len(pixels):
            raise RuntimeError(f"sensor(0) snapshot chn({chn}) failed(3)")
        return self._image

    def stop(self):
        """Stop the stream; the connector is free again."""
        self._check()
        self._enabled = self._running = False
        Sensor._open = None
