# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false
"""`lcd` of MaixPy and CanMV on the K210: 320 x 240 pixels, kept by the emulator (emulator/k210_chip.py)."""

import _host

_WIDE, _HIGH = 320, 240
_state = {"on": False, "rotation": 0}


def init(*arguments, **keywords):
    """Switch the LCD on."""
    _state["on"], _state["rotation"] = True, 0
    clear()


def deinit():
    """Switch the LCD off."""
    _state["on"] = False


def width():
    """Returns the width in pixels."""
    return _WIDE


def height():
    """Returns the height in pixels."""
    return _HIGH


def rotation(quarters=None):
    """Returns or sets the rotation in quarter turns for what is drawn from now on."""
    if quarters is not None:
        if not 0 <= quarters <= 3:
            raise ValueError("value:[0,3]")
        _state["rotation"] = quarters
    return _state["rotation"]


def clear(color=0):
    """Fill the screen with an RGB565 colour."""
    _check()
    _host.call("screen_clear", color)


def display(picture, oft=(0, 0)):
    """Show an image with its top left corner at `oft`."""
    _check()
    size = picture.width(), picture.height()
    _host.call("screen_show", size[0], size[1], oft[0], oft[1], _state["rotation"], data=picture._pixels)


def draw_string(x, y, text, color=0xF800, background=0):
    """Write a line of 8 x 16 pixel characters, cut at the edge."""
    _check()
    if x < _WIDE and y <= _WIDE - 16:
        _host.call("screen_write", x, y, text[: (_WIDE - x) // 8], _state["rotation"])


def _check():
    if not _state["on"]:
        raise ValueError("not init")
