# SPDX-License-Identifier: MIT
"""Operators that depend on one byte alone: a table of 256 bytes behind the last record has the answers."""

from micropython import const

# Words of a layer's record (record.toml).
_INPUT = const(0)
_INPUT_ROWS = const(1)
_OUTPUT = const(2)
_OUTPUT_ROWS = const(3)
_OUT_W = const(10)
_OUT_C = const(11)
_TAIL = const(30)


def run(net, at, first, last):
    """Computes output rows [first, last) of the layer whose record starts at net.plan[at]."""
    _rows(0, 0, net.plan, at, net.arena, first, last)


@micropython.viper
def _rows(x: ptr8, out: ptr8, plan, at: int, arena, first: int, last: int):
    p = ptr32(int(ptr32(plan)) + (at << 2))
    base = int(ptr8(arena))
    table = ptr8(int(p) + p[_TAIL])
    row = p[_OUT_W] * p[_OUT_C]
    while first < last:
        x = ptr8(base + p[_INPUT] + (first % p[_INPUT_ROWS]) * row)
        out = ptr8(base + p[_OUTPUT] + (first % p[_OUTPUT_ROWS]) * row)
        end = int(x) + row
        while int(x) != end:
            out[0] = table[x[0]]
            x = ptr8(int(x) + 1)
            out = ptr8(int(out) + 1)
        first += 1
