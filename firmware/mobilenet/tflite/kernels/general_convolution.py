# SPDX-License-Identifier: MIT
"""CONV_2D in groups, and CONV_2D or DEPTHWISE_CONV_2D with dilation: one output after the other.

A depthwise convolution is one in groups of one input channel, whose weights lie in another order.
"""

from micropython import const

from .conv_2d import table

# Words of a layer's record (record.toml).
_INPUT = const(0)
_OUTPUT = const(2)
_SCRATCH = const(4)
_IN_H = const(6)
_IN_W = const(7)
_IN_C = const(8)
_OUT_W = const(10)
_OUT_C = const(11)
_K_H = const(12)
_K_W = const(13)
_S_H = const(14)
_S_W = const(15)
_P_T = const(16)
_P_L = const(17)
_IN_ZERO = const(18)
_OUT_ZERO = const(19)
_LOWEST = const(20)
_HIGHEST = const(21)
_WEIGHTS = const(24)
_DILATION = const(28)
_WEIGHT_OFFSET = const(29)
_GROUP_DEPTH = const(30)
_OPERATOR = const(31)

_DEPTHWISE = const(4)  # in the schema


def run(net, at, first, last):
    """Computes all output rows of the layer whose record starts at net.plan[at]; it never runs row by row."""
    plan = net.plan
    channels = plan[at + _OUT_C]
    table(net, at, channels)
    size = plan[at + _K_H] * plan[at + _K_W] * plan[at + _GROUP_DEPTH]
    group = channels if plan[at + _OPERATOR] == _DEPTHWISE else net.group(size)
    channel = 0
    while channel < channels:
        stop = min(channels, channel + group)
        filters, position = net.constant(plan[at + _WEIGHTS] + channel * size, (stop - channel) * size)
        _channels(0, 0, plan, at, net.arena, filters, position, channel, stop, last)
        channel = stop


@micropython.viper
def _channels(
    a: int, x: ptr8, plan, at: int, arena, filters, position: int, channel: int, stop: int, rows: int
):
    """Computes the output channels [channel, stop)."""
    p = ptr32(int(ptr32(plan)) + (at << 2))
    base = int(ptr8(arena))
    wide = 1
    wide = (wide << 16 << 16) >> 27  # bits of an int beyond 32: 0, or 32 on x64
    depth = p[_GROUP_DEPTH]
    channels = p[_OUT_C]
    taps = p[_K_H] * p[_K_W]
    weights = int(ptr8(filters)) + position
    next_filter = taps * depth  # bytes from one output channel's weights to the next's
    next_tap = 1  # bytes from one weight of a channel to the next
    if p[_OPERATOR] == _DEPTHWISE:
        next_filter = 1
        next_tap = channels
    per_group = channels * depth // p[_IN_C]  # output channels of a group
    down = p[_DILATION] >> 16
    across = p[_DILATION] & 0xFFFF
    b = p[_WEIGHT_OFFSET]
    offset = (p[_IN_ZERO] & 0xFF) ^ 0x80
    zero = (p[_OUT_ZERO] & 0xFF) ^ 0x80
    below = ((p[_LOWEST] & 0xFF) ^ 0x80) - zero
    above = ((p[_HIGHEST] & 0xFF) ^ 0x80) - zero
    zero -= 0x80
    while channel < stop:
        entry = ptr32(base + p[_SCRATCH] + 12 * channel)
        high = entry[0] >> 16
        low = entry[0] & 0xFFFF
        up = wide
        right = (0 - entry[1]) & 0x3F
        if right > 31:
            up += 64 - right
            right = 0
        source = base + p[_INPUT] + channel // per_group * depth
        out = ptr8(base + p[_OUTPUT] + channel)
        row = 0
        while row < rows:
            column = 0
            while column < p[_OUT_W]:
                a = entry[2]
                f = ptr8(weights)
                y = row * p[_S_H] - p[_P_T]
                ky = p[_K_H]
                while ky:
                    z = column * p[_S_W] - p[_P_L]
                    kx = p[_K_W]
                    while kx:
                        if y >= 0 and y < p[_IN_H] and z >= 0 and z < p[_IN_W]:
                            x = ptr8(source + (y * p[_IN_W] + z) * p[_IN_C])
                            n = depth
                            while n:
                                a += ((f[0] ^ 0x80) - b) * ((x[0] ^ 0x80) - offset)
                                x = ptr8(int(x) + 1)
                                f = ptr8(int(f) + next_tap)
                                n -= 1
                        else:
                            f = ptr8(int(f) + next_tap * depth)
                        z += across
                        kx -= 1
                    y += down
                    ky -= 1
                # Requantizes with both roundings, as conv_2d.py does.
                a = (a << up) >> wide
                t = a & 0xFFFF
                a >>= 16
                middle = t * high + int(uint(t * low) >> 16)
                t = a * low + (middle & 0xFFFF)
                a = ((a * high + (middle >> 16) + (t >> 16)) << 1) + (((t & 0xFFFF) + 0x4000) >> 15)
                if right:
                    a = (((a + (a >> 31)) >> (right - 1)) + 1) >> 1
                if a < below:
                    a = below
                if a > above:
                    a = above
                out[0] = a + zero
                out = ptr8(int(out) + channels)
                column += 1
            row += 1
        weights += next_filter
        channel += 1
