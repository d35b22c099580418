# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportOptionalSubscript=false
"""`sensor` of OpenMV's firmware 4: one camera, whose settings are functions of the module.

It behaves as the real module does: a new size, window or pixel format brings back three frame buffers, in
which old frames wait; with one buffer, an exposure starts when a snapshot is requested. Firmware 4.6 and 4.7
have these functions also as `csi`, without the class CSI.
"""

import time as _time

import _host
import image as _image

GRAYSCALE, RGB565 = _image.GRAYSCALE, _image.RGB565
JPEG = 6
QQQVGA, QQVGA, HQVGA, QVGA, HVGA, VGA = 1, 2, 3, 4, 5, 6
SINGLE_BUFFER, DOUBLE_BUFFER, TRIPLE_BUFFER = 1, 2, 3
_SIZES = {1: (80, 60), 2: (160, 120), 3: (240, 160), 4: (320, 240), 5: (480, 320), 6: (640, 480)}

_memory = bytearray(640 * 480 * 2)
_NEW = {"format": None, "size": None, "window": None, "buffers": 3, "mirror": False, "flip": False}
_state = {}


def reset():
    """Reset all settings."""
    _state.update(_NEW)
    _state["running"] = False


def shutdown(enable):
    """Switch the camera off."""
    _state["running"] = False


def set_pixformat(value):
    """Set RGB565 or GRAYSCALE."""
    if value not in (GRAYSCALE, RGB565):
        raise RuntimeError("Pixel format is not supported or is not set.")
    _change(format=value, buffers=3)


def get_pixformat():
    """Returns the pixel format."""
    return _state["format"]


def set_framesize(value):
    """Set one of the sizes; the window becomes the whole frame."""
    if value not in _SIZES:
        raise RuntimeError("Frame size is not supported or is not set.")
    _change(size=_SIZES[value], window=(0, 0) + _SIZES[value], buffers=3)


def set_windowing(*window):
    """Set the window: (width, height) in the centre or (x, y, width, height), as a tuple or as numbers."""
    if not _state["size"]:
        raise RuntimeError("Frame size is not supported or is not set.")
    window = window[0] if len(window) == 1 else window
    wide, high = _state["size"]
    if len(window) == 2:
        window = (wide // 2 - window[0] // 2, high // 2 - window[1] // 2, window[0], window[1])
    if len(window) != 4:
        raise ValueError("The tuple/list must either be (x, y, w, h) or (w, h)")
    left, top = max(0, window[0]), max(0, window[1])
    right, bottom = min(wide, window[0] + window[2]), min(high, window[1] + window[3])
    if window[2] < 1 or window[3] < 1:
        raise ValueError("Invalid ROI dimensions!")
    if left >= right or top >= bottom:
        raise ValueError("ROI does not overlap on the image!")
    _change(window=(left, top, right - left, bottom - top), buffers=3)


def get_windowing():
    """Returns the window (x, y, width, height)."""
    return _state["window"]


def set_framebuffers(count):
    """Set the number of frame buffers."""
    if count < 1:
        raise RuntimeError("An invalid argument is used.")
    _change(buffers=count)


def get_framebuffers():
    """Returns the number of frame buffers."""
    return _state["buffers"]


def set_hmirror(enable):
    """Mirror the picture horizontally."""
    _change(mirror=bool(enable))


def set_vflip(enable):
    """Flip the picture vertically."""
    _change(flip=bool(enable))


def width():
    """Returns the width of the frame in pixels, whatever the window."""
    return _state["size"][0]


def height():
    """Returns the height of the frame in pixels, whatever the window."""
    return _state["size"][1]


def skip_frames(count=0, *, time=300):
    """Skip `count` frames, or those of `time` milliseconds."""
    for _ in range(count):
        snapshot()
    if not count:
        _start()
        _time.sleep_ms(time)


def snapshot(**ignored):
    """Returns the next frame as an Image."""
    _start()
    wide, high = _state["size"]
    full = _image.Image(wide, high, _state["format"], buffer=_memory)
    if _host.call("camera_capture", into=_memory) != full.size():  # no frame, or a truncated one
        raise RuntimeError("Frame capture has failed.")
    left, top, wide_in, high_in = _state["window"]
    if (wide_in, high_in) == (wide, high):
        return full
    pixel = full.size() // (wide * high)
    for row in range(high_in):
        at = ((top + row) * wide + left) * pixel
        _memory[row * wide_in * pixel : (row + 1) * wide_in * pixel] = _memory[at : at + wide_in * pixel]
    return _image.Image(wide_in, high_in, _state["format"], buffer=_memory)


def _change(**settings):
    _state.update(settings)
    _state["running"] = False


def _start():
    if not _state["format"]:
        raise RuntimeError("Pixel format is not supported or is not set.")
    if not _state["size"]:
        raise RuntimeError("Frame size is not supported or is not set.")
    if not _state["running"]:
        kind = "rgb565le" if _state["format"] == RGB565 else "grey"
        _host.call("camera_start", *_state["size"], kind, 85, _state["buffers"], _state["buffers"] == 1)
        _host.call("camera_turn", _state["mirror"], _state["flip"])
        _state["running"] = True


reset()
