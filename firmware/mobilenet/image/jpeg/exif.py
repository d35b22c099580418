# SPDX-License-Identifier: MIT
"""The orientation in a JPEG's EXIF data (CIPA DC-008): how a camera was held."""

from struct import unpack_from

from micropython import const

_ORIENTATION = const(0x0112)
_SHORT = const(3)
_LONG = const(4)
_ENTRY = const(12)  # bytes


def orientation(content):
    """Returns the orientation, 1 to 8, that an APP1 segment names; 0 if it names none.

    `content` is the beginning of the segment; what lies beyond it is not read.
    """
    if bytes(content[:6]) != b"Exif\0\0" or len(content) < 14:
        return 0
    order = {b"II\x2a\0": "<", b"MM\0\x2a": ">"}.get(bytes(content[6:10]))
    if order is None:
        return 0
    (at,) = unpack_from(order + "I", content, 10)
    at += 6  # offsets count from the byte order
    if at + 2 > len(content):
        return 0
    (count,) = unpack_from(order + "H", content, at)
    at += 2
    while count and at + _ENTRY <= len(content):
        tag, kind, number = unpack_from(order + "HHI", content, at)
        if tag == _ORIENTATION and kind in (_SHORT, _LONG) and number == 1:
            (value,) = unpack_from(order + ("H" if kind == _SHORT else "I"), content, at + 8)
            return value if value <= 8 else 0
        at += _ENTRY
        count -= 1
    return 0
