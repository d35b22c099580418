# SPDX-License-Identifier: MIT
"""AVERAGE_POOL_2D: the mean of the window without padding, rounded half away from zero; half up in a model
that was uint8.
"""

from micropython import const

# Words of a layer's record (record.toml).
_INPUT = const(0)
_INPUT_ROWS = const(1)
_OUTPUT = const(2)
_OUTPUT_ROWS = const(3)
_IN_H = const(6)
_IN_W = const(7)
_IN_C = const(8)
_OUT_W = const(10)
_K_H = const(12)
_K_W = const(13)
_S_H = const(14)
_S_W = const(15)
_P_T = const(16)
_P_L = const(17)
_LOWEST = const(20)
_HIGHEST = const(21)
_HALF_UP = const(24)


def run(net, at, first, last):
    """Computes output rows [first, last) of the layer whose record starts at net.plan[at]."""
    _rows(0, 0, net.plan, at, net.arena, first, last)


@micropython.viper
def _rows(x: ptr8, out: ptr8, plan, at: int, arena, first: int, last: int):
    p = ptr32(int(ptr32(plan)) + (at << 2))
    base = int(ptr8(arena))
    depth = p[_IN_C]
    row = p[_IN_W] * depth
    lowest = (p[_LOWEST] & 0xFF ^ 0x80) - 0x80
    highest = (p[_HIGHEST] & 0xFF ^ 0x80) - 0x80
    while first < last:
        out = ptr8(base + p[_OUTPUT] + (first % p[_OUTPUT_ROWS]) * p[_OUT_W] * depth)
        top = first * p[_S_H] - p[_P_T]
        bottom = top + p[_K_H]
        if top < 0:
            top = 0
        if bottom > p[_IN_H]:
            bottom = p[_IN_H]
        column = 0
        while column < p[_OUT_W]:
            left = column * p[_S_W] - p[_P_L]
            right = left + p[_K_W]
            if left < 0:
                left = 0
            if right > p[_IN_W]:
                right = p[_IN_W]
            count = (bottom - top) * (right - left)
            channel = 0
            while channel < depth:
                total = 0
                y = top
                while y < bottom:
                    line = base + p[_INPUT] + (y % p[_INPUT_ROWS]) * row + channel
                    x = ptr8(line + left * depth)
                    end = line + right * depth
                    while int(x) != end:
                        total += (x[0] ^ 0x80) - 0x80
                        x = ptr8(int(x) + depth)
                    y += 1
                half = count >> 1
                if p[_HALF_UP]:
                    total = (total + (count << 7) + half) // count - 128
                else:
                    total = (total + half) // count if total > 0 else 0 - (half - total) // count
                if total < lowest:
                    total = lowest
                if total > highest:
                    total = highest
                out[0] = total
                out = ptr8(int(out) + 1)
                channel += 1
            column += 1
        first += 1
