# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false
"""`sensor` of MaixPy and CanMV on the K210: frames that have the KPU's bytes already."""

import _link
import image

RGB565 = 2
GRAYSCALE = 4
QVGA = 8
QQVGA = 4
_SIZES = {QVGA: (320, 240), QQVGA: (160, 120)}

_size = (320, 240)
_turned = [False, False]
_running = False


def reset(freq=24000000, set_regs=True, dual_buff=False):
    """Finds the camera and stops it."""
    global _running
    _running = False
    _turned[:] = False, False


def set_pixformat(pixels):
    """RGB565 alone."""
    if pixels != RGB565:
        raise RuntimeError("Pixel format is not supported!")


def set_framesize(size):
    """One of the sizes above."""
    global _size
    _size = _SIZES[size]


def set_windowing(window):
    """The middle of the frame, (width, height)."""
    global _size
    if window[0] < 8 or window[1] < 8 or window[0] > _size[0] or window[1] > _size[1]:
        raise ValueError("The selected window is too small or outside the sensor area!")
    _size = window


def set_hmirror(enable):
    """Turns the picture around its upright axis."""
    _turned[0] = bool(enable)


def set_vflip(enable):
    """Turns the picture upside down."""
    _turned[1] = bool(enable)


def run(enable):
    """Starts or stops it. The sensor fills a buffer ahead of each snapshot."""
    global _running
    _running = bool(enable)
    if _running:
        _link.call("camera_start", _size[0], _size[1], "rgb565le", 85, 1)
        _link.call("camera_turn", _turned[0], _turned[1])


def skip_frames(time=300):
    """Lets the camera settle: nothing to do here."""


def snapshot():
    """The next frame. Raises RuntimeError if none comes."""
    if not _running:
        raise RuntimeError("Not init!")
    pixels = bytearray(2 * _size[0] * _size[1])
    if _link.call("camera_capture", into=pixels) is None:
        raise RuntimeError("Sensor timeout!")
    frame = image.Image(size=_size, _pixels=pixels)
    frame.pix_to_ai()
    return frame


def width():
    """Of frames."""
    return _size[0]


def height():
    """Of frames."""
    return _size[1]
