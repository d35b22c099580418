# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false
"""`lcd` of MaixPy and CanMV on the K210: 320 x 240 pixels, which the emulator keeps (emulator/k210.py)."""

import _link

_WIDE, _HIGH = 320, 240
_state = {"on": False, "rotation": 0}


def init(*arguments, **keywords):
    """Switches it on."""
    _state["on"], _state["rotation"] = True, 0
    clear()


def deinit():
    """Switches it off."""
    _state["on"] = False


def width():
    """In pixels."""
    return _WIDE


def height():
    """In pixels."""
    return _HIGH


def rotation(quarters=None):
    """Which way up it is written from now on; what is shown stays."""
    if quarters is not None:
        if not 0 <= quarters <= 3:
            raise ValueError("value:[0,3]")
        _state["rotation"] = quarters
    return _state["rotation"]


def clear(color=0):
    """All of it in one colour, RGB565."""
    _check()
    _link.call("screen_clear", color)


def display(picture, oft=(0, 0)):
    """An image with its left top corner at `oft`."""
    _check()
    size = picture.width(), picture.height()
    _link.call("screen_show", size[0], size[1], oft[0], oft[1], _state["rotation"], data=picture._pixels)


def draw_string(x, y, text, color=0xF800, background=0):
    """A line of letters of 8 x 16 pixels, cut at the edge."""
    _check()
    if x < _WIDE and y <= _WIDE - 16:
        _link.call("screen_write", x, y, text[: (_WIDE - x) // 8], _state["rotation"])


def _check():
    if not _state["on"]:
        raise ValueError("not init")
