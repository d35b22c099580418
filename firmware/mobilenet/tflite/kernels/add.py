# SPDX-License-Identifier: MIT
"""ADD of two tensors of one shape, each through a table of its 256 values; the output may lie on either."""

from micropython import const

from ..quantization import high, requantize

# Words of a layer's record (loading/graph.py).
_INPUT = const(0)
_INPUT_ROWS = const(1)
_OUTPUT = const(2)
_OUTPUT_ROWS = const(3)
_SCRATCH = const(4)
_SECOND = const(5)
_IN_W = const(7)
_IN_C = const(8)
_IN_ZERO = const(18)
_MULTIPLIER = const(24)  # of the sum; then its shift
_MULTIPLIER_1 = const(26)  # of the inputs; then their shifts
_MULTIPLIER_2 = const(28)
_ZERO_2 = const(30)
_TABLES = const(2048)
_CHUNK = const(64)  # accumulators at a time


def run(net, at, first, last):
    """Computes output rows first … last of the layer whose record starts at word `at`."""
    _sum(0, 0, net.plan, at, net.arena, first, last)


@micropython.viper
def _sum(x: ptr8, y: ptr8, plan, at: int, arena, first: int, last: int):
    p = ptr32(int(ptr32(plan)) + (at << 2))
    base = int(ptr8(arena))
    tables = base + p[_SCRATCH]
    t = ptr32(tables)
    if first == 0:
        _rescale(tables, p[_IN_ZERO], int(p) + 4 * _MULTIPLIER_1)
        _rescale(tables + 1024, p[_ZERO_2], int(p) + 4 * _MULTIPLIER_2)
    row = p[_IN_W] * p[_IN_C]
    while first < last:
        x = ptr8(base + p[_INPUT] + (first % p[_INPUT_ROWS]) * row)
        y = ptr8(base + p[_SECOND] + (first % p[_INPUT_ROWS]) * row)
        out = p[_OUTPUT] + (first % p[_OUTPUT_ROWS]) * row
        left = row
        while left:
            count = left
            if count > _CHUNK:
                count = _CHUNK
            pair = ptr32(tables + _TABLES)
            end = int(pair) + (count << 3)
            while int(pair) != end:
                pair[0] = t[x[0]] + t[256 + y[0]]
                pair[1] = out
                out += 1
                x = ptr8(int(x) + 1)
                y = ptr8(int(y) + 1)
                pair = ptr32(int(pair) + 8)
            requantize(tables + _TABLES, int(p) + 4 * _MULTIPLIER, int(p), end, base)
            left -= count
        first += 1


@micropython.viper
def _rescale(table: ptr32, zero: int, pair: ptr32):
    """Fills a table, by the byte of an int8 x, with (x - zero) << 20 times multiplier and shift of `pair`."""
    zero = ((zero & 0xFF) ^ 0x80) - 0x80
    right = 0 - pair[1] & 0x3F  # at most 31; where an int has 64 bits, the load is zero-extended
    byte = 0
    while byte < 256:
        v = int(high((((byte ^ 0x80) - 128 - zero) << 20), pair[0]))
        if right:
            v = (((v + (v >> 31)) >> (right - 1)) + 1) >> 1
        table[byte] = v
        byte += 1
