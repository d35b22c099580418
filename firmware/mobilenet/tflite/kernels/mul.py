# SPDX-License-Identifier: MIT
"""MUL of two tensors; the second may be constant, and repeats. The output may overlap either."""

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
_LOWEST = const(20)
_HIGHEST = const(21)
_PRODUCT_MULTIPLIER = const(24)
_PRODUCT_SHIFT = const(25)
_ZERO_2 = const(30)


def run(net, at, first, last):
    """Computes the output of the layer whose record starts at net.plan[at]; it never runs row by row."""
    _product(0, 0, net.plan, at, net.arena, *net.second(at))


@micropython.viper
def _product(x: ptr8, y: ptr8, plan, at: int, arena, other, position: int):
    p = ptr32(int(ptr32(plan)) + (at << 2))
    base = int(ptr8(arena))
    wide = 1
    wide = (wide << 16 << 16) >> 27  # bits of an int beyond 32: 0, or 32 on x64
    zero_1 = (p[_IN_ZERO] & 0xFF) ^ 0x80
    zero_2 = (p[_ZERO_2] & 0xFF) ^ 0x80
    zero = (p[_OUT_ZERO] & 0xFF) ^ 0x80
    below = ((p[_LOWEST] & 0xFF) ^ 0x80) - zero
    above = ((p[_HIGHEST] & 0xFF) ^ 0x80) - zero
    zero -= 0x80
    high = p[_PRODUCT_MULTIPLIER] >> 16
    low = p[_PRODUCT_MULTIPLIER] & 0xFFFF
    right = (0 - p[_PRODUCT_SHIFT]) & 0x3F
    left = wide
    if right > 31:
        left += 64 - right
        right = 0
    x = ptr8(base + p[_INPUT])
    start = int(ptr8(other)) + position
    y = ptr8(start)
    again = start + p[_COUNT]
    out = ptr8(base + p[_OUTPUT])
    end = int(x) + p[_IN_H] * p[_IN_W] * p[_IN_C]
    while int(x) != end:
        # Requantizes with both roundings, as conv_2d.py does.
        a = (((x[0] ^ 0x80) - zero_1) * ((y[0] ^ 0x80) - zero_2) << left) >> wide
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
