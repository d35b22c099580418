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
    weights = int(ptr8(filters)) + position
    step = depth  # bytes from one tap's weights to the next's
    next_filter = p[_K_H] * p[_K_W] * depth  # and from one output channel's
    if p[_OPERATOR] == _DEPTHWISE:
        step = channels
        next_filter = 1
    per_group = channels * depth // p[_IN_C]  # output channels of a group
    down = p[_DILATION] >> 16
    across = p[_DILATION] & 0xFFFF
    hop = across * p[_IN_C]  # bytes from one tap's input to the next's
    b = p[_WEIGHT_OFFSET]
    in_h = p[_IN_H]
    in_w = p[_IN_W]
    in_c = p[_IN_C]
    k_w = p[_K_W]
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
            left = 0 - p[_P_L]
            columns = p[_OUT_W]
            while columns:
                # Of each row of taps, `inside` lie in the picture: from column z on, after those to skip.
                z = left
                line = weights
                inside = k_w
                while inside and z < 0:
                    z += across
                    line += step
                    inside -= 1
                n = left + (k_w - 1) * across
                while inside and n >= in_w:
                    n -= across
                    inside -= 1
                a = entry[2]
                y = row * p[_S_H] - p[_P_T]
                ky = p[_K_H]
                while ky:
                    if y >= 0 and y < in_h:
                        x = ptr8(source + (y * in_w + z) * in_c)
                        f = ptr8(line)
                        kx = inside
                        while kx and depth == 1:
                            a += ((f[0] ^ 0x80) - b) * ((x[0] ^ 0x80) - offset)
                            x = ptr8(int(x) + hop)
                            f = ptr8(int(f) + step)
                            kx -= 1
                        while kx:
                            n = depth
                            while n > 3:
                                a += ((f[0] ^ 0x80) - b) * ((x[0] ^ 0x80) - offset)
                                a += ((f[1] ^ 0x80) - b) * ((x[1] ^ 0x80) - offset)
                                a += ((f[2] ^ 0x80) - b) * ((x[2] ^ 0x80) - offset)
                                a += ((f[3] ^ 0x80) - b) * ((x[3] ^ 0x80) - offset)
                                x = ptr8(int(x) + 4)
                                f = ptr8(int(f) + 4)
                                n -= 4
                            while n:
                                a += ((f[0] ^ 0x80) - b) * ((x[0] ^ 0x80) - offset)
                                x = ptr8(int(x) + 1)
                                f = ptr8(int(f) + 1)
                                n -= 1
                            x = ptr8(int(x) + hop - depth)
                            kx -= 1
                    line += k_w * step
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
                left += p[_S_W]
                columns -= 1
            row += 1
        weights += next_filter
        channel += 1
