# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportArgumentType=false, reportAssignmentType=false
"""`image` of MaixPy and CanMV on the K210: RGB565 pixels outside the heap, and planes of bytes for the KPU.

It has only what a classifier needs. The emulator decodes files: BMP and baseline JPEG, as MaixPy does.
"""

import struct

import _host


class Image:
    """An image from a file, or a black one of `size` (on a board its content is undefined)."""

    def __init__(self, path=None, size=(320, 240), _pixels=None):
        if path is not None:
            with open(path, "rb") as file:
                content = file.read()
            size, _pixels = _host.call("k210_decode", data=content)
        self._wide, self._high = size
        self._pixels = _pixels or bytearray(2 * self._wide * self._high)
        self._planes = None

    def width(self):
        """Returns the width in pixels."""
        return self._wide

    def height(self):
        """Returns the height in pixels."""
        return self._high

    def pix_to_ai(self):
        """Fill the planes of bytes that the KPU reads."""
        self._planes = bytearray(3 * self._wide * self._high)
        _host.call("k210_planes", self._wide, self._high, data=self._pixels, into=self._planes)

    def copy(self, roi=None):
        """Returns a copy of the region (left, top, width, height), without the KPU's planes."""
        left, top, wide, high = roi or (0, 0, self._wide, self._high)
        if left < 0 or top < 0 or left + wide > self._wide or top + high > self._high:
            raise OSError("The specified ROI is outside the image!")
        part = bytearray(2 * wide * high)
        for y in range(high):
            at = 2 * ((top + y) * self._wide + left)
            part[2 * y * wide : 2 * (y + 1) * wide] = self._pixels[at : at + 2 * wide]
        return Image(size=(wide, high), _pixels=part)

    def mean_pooled(self, across, down):
        """Returns the truncated means of blocks of `across` x `down` pixels."""
        size = self._wide // across, self._high // down
        pixels = bytearray(2 * size[0] * size[1])
        _host.call("k210_pool", self._wide, self._high, across, down, data=self._pixels, into=pixels)
        return Image(size=size, _pixels=pixels)

    def resize(self, wide, high):
        """Returns the image resized by nearest neighbour."""
        pixels = bytearray(2 * wide * high)
        _host.call("k210_resize", self._wide, self._high, wide, high, data=self._pixels, into=pixels)
        return Image(size=(wide, high), _pixels=pixels)

    def replace(self, other, hmirror=False, vflip=False):
        """Take over the pixels of an image of the same size, mirrored or flipped."""
        turned = bytearray(len(self._pixels))
        numbers = self._wide, self._high, hmirror, vflip
        _host.call("k210_turn", *numbers, data=other._pixels, into=turned)
        self._pixels[:] = turned
        return self

    def __getitem__(self, index):
        (pixel,) = struct.unpack_from("<H", self._pixels, 2 * index)
        return _to_8(pixel >> 11, 31), _to_8(pixel >> 5 & 63, 63), _to_8(pixel & 31, 31)

    def __setitem__(self, index, color):
        red, green, blue = color
        pixel = _from_8(red, 31) << 11 | _from_8(green, 63) << 5 | _from_8(blue, 31)
        struct.pack_into("<H", self._pixels, 2 * index, pixel)


def _to_8(value, top):
    return (value * 510 + top) // (2 * top)


def _from_8(value, top):
    return (value * 2 * top + 255) // 510
