# SPDX-License-Identifier: MIT
"""RESIZE_BILINEAR in fixed-point arithmetic: positions have 10 fractional bits, sums 20."""

from micropython import const

# Words of a layer's record (record.toml).
_INPUT = const(0)
_OUTPUT = const(2)
_IN_H = const(6)
_IN_W = const(7)
_IN_C = const(8)
_OUT_W = const(10)
_ROW_SCALE = const(24)
_COLUMN_SCALE = const(25)
_HALF_PIXEL = const(26)


def run(net, at, first, last):
    """Computes output rows [first, last) of the layer whose record starts at net.plan[at]."""
    _rows(0, net.plan, at, net.arena, first, last)


@micropython.viper
def _rows(out: ptr8, plan, at: int, arena, first: int, last: int):
    p = ptr32(int(ptr32(plan)) + (at << 2))
    base = int(ptr8(arena))
    depth = p[_IN_C]
    line = p[_IN_W] * depth
    out = ptr8(base + p[_OUTPUT] + first * p[_OUT_W] * depth)
    while first < last:
        y = first * p[_ROW_SCALE]
        if p[_HALF_PIXEL]:
            y += (p[_ROW_SCALE] >> 1) - 512
        upper = y >> 10
        if upper < 0:
            upper = 0
        lower = (y + 1023) >> 10
        if lower > p[_IN_H] - 1:
            lower = p[_IN_H] - 1
        y -= upper << 10
        top = base + p[_INPUT] + upper * line
        bottom = base + p[_INPUT] + lower * line
        column = 0
        while column < p[_OUT_W]:
            x = column * p[_COLUMN_SCALE]
            if p[_HALF_PIXEL]:
                x += (p[_COLUMN_SCALE] >> 1) - 512
            left = x >> 10
            if left < 0:
                left = 0
            right = (x + 1023) >> 10
            if right > p[_IN_W] - 1:
                right = p[_IN_W] - 1
            x -= left << 10
            # The products of the distances: a pixel's weight is that of the opposite corner.
            w = x * y
            e = x * (1024 - y)
            s = (1024 - x) * y
            n = (1024 - x) * (1024 - y)
            left *= depth
            right *= depth
            channel = 0
            while channel < depth:
                a = ptr8(top + channel)
                b = ptr8(bottom + channel)
                total = ((a[left] ^ 0x80) - 0x80) * n + ((a[right] ^ 0x80) - 0x80) * e
                total += ((b[left] ^ 0x80) - 0x80) * s + ((b[right] ^ 0x80) - 0x80) * w
                # Rounds half away from zero.
                out[0] = (total + 0x80000) >> 20 if total > 0 else 0 - ((0x80000 - total) >> 20)
                out = ptr8(int(out) + 1)
                channel += 1
            column += 1
        first += 1
