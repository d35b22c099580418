# SPDX-License-Identifier: MIT
"""PRELU: x, or x times a constant slope where x is negative. The slopes repeat.

The output may overlap the input.
"""

from micropython import const

# Words of a layer's record (record.toml).
_INPUT = const(0)
_OUTPUT = const(2)
_IN_H = const(6)
_IN_W = const(7)
_IN_C = const(8)
_COUNT = const(12)
_IN_ZERO = const(18)
_OUT_ZERO = const(19)
_PRODUCT_MULTIPLIER = const(24)
_PRODUCT_SHIFT = const(25)
_OTHER_MULTIPLIER = const(26)
_OTHER_SHIFT = const(27)
_ZERO_2 = const(30)


def run(net, at, first, last):
    """Computes the output of the layer whose record starts at net.plan[at]; it never runs row by row."""
    _slopes(0, 0, net.plan, at, net.arena, *net.second(at))


@micropython.viper
def _slopes(x: ptr8, y: ptr8, plan, at: int, arena, other, position: int):
    p = ptr32(int(ptr32(plan)) + (at << 2))
    base = int(ptr8(arena))
    wide = 1
    wide = (wide << 16 << 16) >> 27  # bits of an int beyond 32: 0, or 32 on x64
    zero_1 = (p[_IN_ZERO] & 0xFF) ^ 0x80
    zero_2 = (p[_ZERO_2] & 0xFF) ^ 0x80
    zero = ((p[_OUT_ZERO] & 0xFF) ^ 0x80) - 0x80
    x = ptr8(base + p[_INPUT])
    start = int(ptr8(other)) + position
    y = ptr8(start)
    again = start + p[_COUNT]
    out = ptr8(base + p[_OUTPUT])
    end = int(x) + p[_IN_H] * p[_IN_W] * p[_IN_C]
    while int(x) != end:
        a = (x[0] ^ 0x80) - zero_1
        factor = p[_OTHER_MULTIPLIER]
        right = (0 - p[_OTHER_SHIFT]) & 0x3F
        if a < 0:
            a *= (y[0] ^ 0x80) - zero_2
            factor = p[_PRODUCT_MULTIPLIER]
            right = (0 - p[_PRODUCT_SHIFT]) & 0x3F
        left = wide
        if right > 31:
            left += 64 - right
            right = 0
        # Requantizes with both roundings, as conv_2d.py does.
        a = (a << left) >> wide
        v = a & 0xFFFF
        a >>= 16
        middle = v * (factor >> 16) + int(uint(v * (factor & 0xFFFF)) >> 16)
        v = a * (factor & 0xFFFF) + (middle & 0xFFFF)
        a = ((a * (factor >> 16) + (middle >> 16) + (v >> 16)) << 1) + (((v & 0xFFFF) + 0x4000) >> 15)
        if right:
            a = (((a + (a >> 31)) >> (right - 1)) + 1) >> 1
        a += zero
        if a < -128:
            a = -128
        if a > 127:
            a = 127
        out[0] = a
        x = ptr8(int(x) + 1)
        y = ptr8(int(y) + 1)
        if int(y) == again:
            y = ptr8(start)
        out = ptr8(int(out) + 1)
