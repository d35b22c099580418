# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false
"""`sensor` of MaixPy and CanMV on the K210: its frames have the KPU's planes already."""

import _host
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
    """Find the camera and stop it."""
    global _running
    _running = False
    _turned[:] = False, False


def set_pixformat(pixels):
    """Set the pixel format; only RGB565."""
    if pixels != RGB565:
        raise RuntimeError("Pixel format is not supported!")


def set_framesize(size):
    """Set one of the sizes above."""
    global _size
    _size = _SIZES[size]


def set_windowing(window):
    """Crop the centre of the frame to (width, height)."""
    global _size
    if window[0] < 8 or window[1] < 8 or window[0] > _size[0] or window[1] > _size[1]:
        raise ValueError("The selected window is too small or outside the sensor area!")
    _size = window


def set_hmirror(enable):
    """Mirror the picture horizontally."""
    _turned[0] = bool(enable)


def set_vflip(enable):
    """Flip the picture vertically."""
    _turned[1] = bool(enable)


def run(enable):
    """Start or stop the sensor, which fills a buffer ahead of each snapshot."""
    global _running
    _running = bool(enable)
    if _running:
        _host.call("camera_start", _size[0], _size[1], "rgb565le", 85, 1)
        _host.call("camera_turn", _turned[0], _turned[1])


def skip_frames(time=300):
    """Let the camera settle; does nothing here."""


def snapshot():
    """Returns the next frame. Raises RuntimeError if none comes."""
    if not _running:
        raise RuntimeError("Not init!")
    pixels = bytearray(2 * _size[0] * _size[1])
    if _host.call("camera_capture", into=pixels) is None:
        raise RuntimeError("Sensor timeout!")
    frame = image.Image(size=_size, _pixels=pixels)
    frame.pix_to_ai()
    return frame


def width():
    """Returns the width of frames in pixels."""
    return _size[0]


def height():
    """Returns the height of frames in pixels."""
    return _size[1]
