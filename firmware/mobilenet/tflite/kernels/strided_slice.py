# SPDX-License-Identifier: MIT
"""STRIDED_SLICE of rows, columns and channels."""

from micropython import const

# Words of a layer's record (record.toml).
_INPUT = const(0)
_INPUT_ROWS = const(1)
_OUTPUT = const(2)
_OUTPUT_ROWS = const(3)
_IN_W = const(7)
_IN_C = const(8)
_OUT_W = const(10)
_OUT_C = const(11)
_S_H = const(14)
_S_W = const(15)
_P_T = const(16)
_P_L = const(17)
_FIRST_CHANNEL = const(24)
_CHANNEL_STRIDE = const(25)


def run(net, at, first, last):
    """Computes output rows [first, last) of the layer whose record starts at net.plan[at]."""
    _rows(0, 0, net.plan, at, net.arena, first, last)


@micropython.viper
def _rows(x: ptr8, out: ptr8, plan, at: int, arena, first: int, last: int):
    p = ptr32(int(ptr32(plan)) + (at << 2))
    base = int(ptr8(arena))
    wide = 1
    wide = (wide << 16 << 16) >> 27  # bits of an int beyond 32: 0, or 32 on x64
    depth = p[_IN_C]
    top = 0 - ((p[_P_T] << wide) >> wide)
    left = 0 - ((p[_P_L] << wide) >> wide)
    step = p[_S_W] * depth
    while first < last:
        out = ptr8(base + p[_OUTPUT] + (first % p[_OUTPUT_ROWS]) * p[_OUT_W] * p[_OUT_C])
        row = (first * p[_S_H] + top) % p[_INPUT_ROWS]
        pixel = base + p[_INPUT] + (row * p[_IN_W] + left) * depth + p[_FIRST_CHANNEL]
        column = 0
        while column < p[_OUT_W]:
            x = ptr8(pixel)
            n = p[_OUT_C]
            while n:
                out[0] = x[0]
                out = ptr8(int(out) + 1)
                x = ptr8(int(x) + p[_CHANNEL_STRIDE])
                n -= 1
            pixel += step
            column += 1
        first += 1
