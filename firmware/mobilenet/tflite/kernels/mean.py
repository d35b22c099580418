# SPDX-License-Identifier: MIT
"""MEAN over the height and width of a picture."""

from micropython import const

from ..quantization import requantize

# Words of a layer's record (loading/graph.py).
_INPUT = const(0)
_OUTPUT = const(2)
_SCRATCH = const(4)
_IN_H = const(6)
_IN_W = const(7)
_IN_C = const(8)
_IN_ZERO = const(18)
_MULTIPLIER = const(28)


def run(net, at, first, last):
    """Computes the one output row of the layer whose record starts at word `at`."""
    _sums(0, 0, net.plan, at, net.arena)


@micropython.viper
def _sums(x: ptr8, pair: ptr32, plan, at: int, arena):
    p = ptr32(int(ptr32(plan)) + (at << 2))
    base = int(ptr8(arena))
    depth = p[_IN_C]
    zero = ((p[_IN_ZERO] & 0xFF) ^ 0x80) & 0xFF
    end = p[_IN_H] * p[_IN_W] * depth
    channel = 0
    pair = ptr32(base + p[_SCRATCH])
    while channel < depth:
        x = ptr8(base + p[_INPUT] + channel)
        total = 0 - p[_IN_H] * p[_IN_W] * zero
        stop = int(x) + end
        while int(x) != stop:
            total += x[0] ^ 0x80
            x = ptr8(int(x) + depth)
        pair[0] = total
        pair[1] = p[_OUTPUT] + channel
        pair = ptr32(int(pair) + 8)
        channel += 1
    requantize(base + p[_SCRATCH], int(p) + 4 * _MULTIPLIER, int(p), int(pair), base)
