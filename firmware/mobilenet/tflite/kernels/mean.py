# SPDX-License-Identifier: MIT
"""MEAN over height and width."""

from micropython import const

from ..quantization import high

# Words of a layer's record (record.toml).
_INPUT = const(0)
_OUTPUT = const(2)
_IN_H = const(6)
_IN_W = const(7)
_IN_C = const(8)
_IN_ZERO = const(18)
_OUT_ZERO = const(19)
_MULTIPLIER = const(28)
_SHIFT = const(29)


def run(net, at, first, last):
    """Computes the only output row of the layer whose record starts at net.plan[at]."""
    _sums(0, 0, net.plan, at, net.arena)


@micropython.viper
def _sums(x: ptr8, out: ptr8, plan, at: int, arena):
    p = ptr32(int(ptr32(plan)) + (at << 2))
    base = int(ptr8(arena))
    wide = 1
    wide = (wide << 16 << 16) >> 27  # bits of an int beyond 32: 0, or 32 on x64
    depth = p[_IN_C]
    size = p[_IN_H] * p[_IN_W]
    offset = size * ((p[_IN_ZERO] & 0xFF) ^ 0x80)
    zero = ((p[_OUT_ZERO] & 0xFF) ^ 0x80) - 0x80
    right = (0 - p[_SHIFT]) & 0x3F
    up = wide
    if right > 31:
        up += 64 - right
        right = 0
    out = ptr8(base + p[_OUTPUT])
    channel = 0
    while channel < depth:
        x = ptr8(base + p[_INPUT] + channel)
        total = 0 - offset
        stop = int(x) + size * depth
        while int(x) != stop:
            total += x[0] ^ 0x80
            x = ptr8(int(x) + depth)
        v = int(high((total << up) >> wide, p[_MULTIPLIER]))
        if right:
            v = (((v + (v >> 31)) >> (right - 1)) + 1) >> 1
        v += zero
        if v < -128:
            v = -128
        if v > 127:
            v = 127
        out[0] = v
        out = ptr8(int(out) + 1)
        channel += 1
