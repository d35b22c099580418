# SPDX-License-Identifier: MIT
"""ADD and SUB of two tensors, each rescaled through a table of its 256 values; the output may overlap either.

The second may be constant, and repeats.
"""

from micropython import const

# Words of a layer's record (record.toml).
_INPUT = const(0)
_OUTPUT = const(2)
_SCRATCH = const(4)
_IN_H = const(6)
_IN_W = const(7)
_IN_C = const(8)
_COUNT = const(12)
_SUBTRACTED = const(14)
_IN_ZERO = const(18)
_OUT_ZERO = const(19)
_LOWEST = const(20)
_HIGHEST = const(21)
_SUM_MULTIPLIER = const(24)
_SUM_SHIFT = const(25)
_MULTIPLIER_1 = const(26)
_SHIFT_1 = const(27)
_MULTIPLIER_2 = const(28)
_SHIFT_2 = const(29)
_ZERO_2 = const(30)


def run(net, at, first, last):
    """Computes the output of the layer whose record starts at net.plan[at]; it never runs row by row."""
    _sum(0, 0, net.plan, at, net.arena, *net.second(at))


@micropython.viper
def _sum(x: ptr8, y: ptr8, plan, at: int, arena, other, position: int):
    p = ptr32(int(ptr32(plan)) + (at << 2))
    base = int(ptr8(arena))
    wide = 1
    wide = (wide << 16 << 16) >> 27  # bits of an int beyond 32: 0, or 32 on x64
    t = ptr32(base + p[_SCRATCH])
    subtracted = p[_SUBTRACTED]
    _rescale(int(t), p[_IN_ZERO], p[_MULTIPLIER_1], p[_SHIFT_1], subtracted & 1)
    _rescale(int(t) + 1024, p[_ZERO_2], p[_MULTIPLIER_2], p[_SHIFT_2], subtracted >> 1)
    zero = (p[_OUT_ZERO] & 0xFF) ^ 0x80
    below = ((p[_LOWEST] & 0xFF) ^ 0x80) - zero
    above = ((p[_HIGHEST] & 0xFF) ^ 0x80) - zero
    zero -= 0x80
    high = p[_SUM_MULTIPLIER] >> 16
    low = p[_SUM_MULTIPLIER] & 0xFFFF
    right = (0 - p[_SUM_SHIFT]) & 0x3F  # at most 31
    x = ptr8(base + p[_INPUT])
    start = int(ptr8(other)) + position
    y = ptr8(start)
    again = start + p[_COUNT]
    out = ptr8(base + p[_OUTPUT])
    end = int(x) + p[_IN_H] * p[_IN_W] * p[_IN_C]
    while int(x) != end:
        # Requantizes with both roundings, as conv_2d.py does.
        a = t[x[0]] + t[256 + y[0]]
        a = (a << wide) >> wide
        v = a & 0xFFFF
        a >>= 16
        middle = v * high + int(uint(v * low) >> 16)
        v = a * low + (middle & 0xFFFF)
        a = ((a * high + (middle >> 16) + (v >> 16)) << 1) + (((v & 0xFFFF) + 0x4000) >> 15)
        if right:
            a = (((a + (a >> 31)) >> (right - 1)) + 1) >> 1
        if a < below:
            a = below
        if a > above:
            a = above
        out[0] = a + zero
        x = ptr8(int(x) + 1)
        y = ptr8(int(y) + 1)
        if int(y) == again:
            y = ptr8(start)
        out = ptr8(int(out) + 1)


@micropython.viper
def _rescale(table: ptr32, zero: int, multiplier: int, shift: int, negative: int):
    """Fills a table, indexed by the byte of an int8 x, with (x - zero) << 20 times a factor or minus it."""
    high = multiplier >> 16
    low = multiplier & 0xFFFF
    zero = (zero & 0xFF) ^ 0x80
    right = (0 - shift) & 0x3F
    byte = 0
    while byte < 256:
        # As above, for a number whose lower half is 0.
        a = ((byte ^ 0x80) - zero) << 4
        v = a * low
        a = ((a * high + (v >> 16)) << 1) + (((v & 0xFFFF) + 0x4000) >> 15)
        if right:
            a = (((a + (a >> 31)) >> (right - 1)) + 1) >> 1
        if negative:
            a = 0 - a
        table[byte] = a
        byte += 1
