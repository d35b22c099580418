# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false
"""`camera` of lemariva's micropython-camera-driver: functions for one camera, frames as bytes on the heap.

A frame's buffer is free, and is exposed again, when capture() returns. Left out: effects, quality and other
settings of the sensor; sizes above VGA.
"""

import _host

JPEG, YUV422, GRAYSCALE, RGB565 = 4, 1, 3, 0
FRAME_96X96, FRAME_QQVGA, FRAME_QCIF, FRAME_HQVGA, FRAME_240X240 = range(5)
FRAME_QVGA, FRAME_CIF, FRAME_HVGA, FRAME_VGA = range(5, 9)
XCLK_10MHz, XCLK_20MHz = 10000000, 20000000
DRAM, PSRAM = 1, 0

_SIZES = (
    (96, 96),
    (160, 120),
    (176, 144),
    (240, 176),
    (240, 240),
    (320, 240),
    (400, 296),
    (480, 320),
    (640, 480),
)
_KINDS = {RGB565: "rgb565", GRAYSCALE: "grey", JPEG: "jpeg"}
_PINS = ("vsync", "href", "pclk", "pwdn", "reset", "xclk", "siod", "sioc", "d0", "d1", "d2", "d3")
_PINS += ("d4", "d5", "d6", "d7")

_started = False
_mirror = _flip = False


def init(
    _=0,
    *,
    format=JPEG,  # noqa: A002
    framesize=FRAME_VGA,
    quality=12,
    xclk_freq=XCLK_10MHz,
    fb_size=1,
    fb_location=DRAM,
    **pins,
):
    """Start the camera; returns True."""
    global _started, _mirror, _flip
    for name in pins:
        if name not in _PINS:
            raise TypeError("extra keyword arguments given")
    if format not in (JPEG, YUV422, GRAYSCALE, RGB565):
        raise ValueError("Image format is not valid")
    if not 0 <= framesize < len(_SIZES):
        raise ValueError("Image framesize is not valid")
    if xclk_freq not in (XCLK_10MHz, XCLK_20MHz):
        raise ValueError("xclk frequency is not valid")
    size = _SIZES[framesize]
    fits = fb_location == PSRAM or format == JPEG or size[0] * size[1] <= 320 * 240
    if _started or not fits or format not in _KINDS:
        raise OSError("Camera Init Failed")
    # The module's quality is that of the sensor, from 0 (the best) to 63.
    _host.call("camera_start", size[0], size[1], _KINDS[format], 100 - quality, fb_size)
    _started, _mirror, _flip = True, False, False
    return True


def deinit():
    """Stop the camera; returns whether it ran."""
    global _started
    was, _started = _started, False
    return was


def capture():
    """Returns the next frame as bytes, or False if there is none."""
    if not _started:
        return False
    reply = _host.call("camera_capture")
    _host.call("camera_release")
    return bytes(reply[1]) if isinstance(reply, tuple) else False


def mirror(value):
    """Mirror the picture horizontally."""
    _turn(bool(value), _flip)


def flip(value):
    """Flip the picture vertically."""
    _turn(_mirror, bool(value))


def _turn(mirrored, flipped):
    global _mirror, _flip
    if not _started:
        return False
    _mirror, _flip = mirrored, flipped
    _host.call("camera_turn", _mirror, _flip)
    return None
