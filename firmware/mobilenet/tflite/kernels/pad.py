# SPDX-License-Identifier: MIT
"""PAD and PADV2: surround a tensor with rows, columns and channels of one value."""

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
_OUT_C = const(11)
_P_T = const(16)
_P_L = const(17)
_FRONT = const(28)
_FILLER = const(29)


def run(net, at, first, last):
    """Computes output rows [first, last) of the layer whose record starts at net.plan[at]."""
    _rows(0, 0, net.plan, at, net.arena, first, last)


@micropython.viper
def _rows(x: ptr8, out: ptr8, plan, at: int, arena, first: int, last: int):
    p = ptr32(int(ptr32(plan)) + (at << 2))
    base = int(ptr8(arena))
    depth = p[_IN_C]
    width = p[_OUT_W] * p[_OUT_C]
    while first < last:
        out = ptr8(base + p[_OUTPUT] + (first % p[_OUTPUT_ROWS]) * width)
        end = int(out) + width
        y = first - p[_P_T]
        if y >= 0 and y < p[_IN_H]:
            x = ptr8(base + p[_INPUT] + (y % p[_INPUT_ROWS]) * p[_IN_W] * depth)
            start = int(out) + p[_P_L] * p[_OUT_C] + p[_FRONT]
            n = p[_IN_W]
            while n:
                while int(out) != start:
                    out[0] = p[_FILLER]
                    out = ptr8(int(out) + 1)
                stop = start + depth
                while int(out) != stop:
                    out[0] = x[0]
                    out = ptr8(int(out) + 1)
                    x = ptr8(int(x) + 1)
                start += p[_OUT_C]
                n -= 1
        while int(out) != end:
            out[0] = p[_FILLER]
            out = ptr8(int(out) + 1)
        first += 1
