# SPDX-License-Identifier: MIT
"""MIRROR_PAD: surrounds a tensor with its own rows, columns and channels in reverse order."""

from micropython import const

# Words of a layer's record (record.toml).
_INPUT = const(0)
_OUTPUT = const(2)
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
    inner = p[_FILLER]  # 1 if the edge is not repeated
    out = ptr8(base + p[_OUTPUT] + first * p[_OUT_W] * p[_OUT_C])
    while first < last:
        row = int(_mirrored(first - p[_P_T], p[_IN_H], inner))
        column = 0
        while column < p[_OUT_W]:
            place = int(_mirrored(column - p[_P_L], p[_IN_W], inner))
            x = ptr8(base + p[_INPUT] + (row * p[_IN_W] + place) * depth)
            channel = 0 - p[_FRONT]
            end = channel + p[_OUT_C]
            while channel < end:
                out[0] = x[int(_mirrored(channel, depth, inner))]
                out = ptr8(int(out) + 1)
                channel += 1
            column += 1
        first += 1


@micropython.viper
def _mirrored(i: int, count: int, inner: int) -> int:
    """Returns the index from 0 to count - 1 that an index outside repeats."""
    if i < 0:
        return inner - 1 - i
    if i >= count:
        return count + count - 1 - inner - i
    return i
