# SPDX-License-Identifier: MIT
"""RESIZE_NEAREST_NEIGHBOR: the tail says which input row and column an output pixel repeats."""

from micropython import const

# Words of a layer's record (record.toml).
_INPUT = const(0)
_OUTPUT = const(2)
_IN_W = const(7)
_IN_C = const(8)
_OUT_H = const(9)
_OUT_W = const(10)
_TAIL = const(30)


def run(net, at, first, last):
    """Computes output rows [first, last) of the layer whose record starts at net.plan[at]."""
    _rows(0, 0, net.plan, at, net.arena, first, last)


@micropython.viper
def _rows(x: ptr8, out: ptr8, plan, at: int, arena, first: int, last: int):
    p = ptr32(int(ptr32(plan)) + (at << 2))
    base = int(ptr8(arena))
    rows = ptr32(int(p) + p[_TAIL])
    columns = ptr32(int(rows) + (p[_OUT_H] << 2))
    depth = p[_IN_C]
    out = ptr8(base + p[_OUTPUT] + first * p[_OUT_W] * depth)
    while first < last:
        line = base + p[_INPUT] + rows[first] * p[_IN_W] * depth
        column = 0
        while column < p[_OUT_W]:
            x = ptr8(line + columns[column] * depth)
            end = int(x) + depth
            while int(x) != end:
                out[0] = x[0]
                x = ptr8(int(x) + 1)
                out = ptr8(int(out) + 1)
            column += 1
        first += 1
