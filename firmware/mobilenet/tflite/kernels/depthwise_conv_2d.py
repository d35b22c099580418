# SPDX-License-Identifier: MIT
"""DEPTHWISE_CONV_2D: computes one channel after the other, so that the output may overwrite the input.

The rows that a window spans are gathered column by column as unsigned bytes, x + 128, so that each window is
contiguous. A new row replaces the oldest one in its slot of each column, which rotates the rows of the
window: the weights are stored once for each rotation, widened to words.
"""

from micropython import const

from .conv_2d import table

# Words of a layer's record (record.toml).
_INPUT = const(0)
_INPUT_ROWS = const(1)
_OUTPUT = const(2)
_OUTPUT_ROWS = const(3)
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
_DEPTH_MULTIPLIER = const(28)
_WEIGHT_OFFSET = const(29)


def run(net, at, first, last):
    """Computes output rows [first, last) of the layer whose record starts at net.plan[at]."""
    plan = net.plan
    channels = plan[at + _OUT_C]
    if not first:
        table(net, at, channels)
    filters, position = net.constant(plan[at + _WEIGHTS], channels * plan[at + _K_H] * plan[at + _K_W])
    _channels(0, 0, plan, at, net.arena, filters, position, first, last)


@micropython.viper
def _channels(a: int, x: ptr8, plan, at: int, arena, filters, position: int, first: int, last: int):
    """Computes output rows [first, last), one channel after the other."""
    p = ptr32(int(ptr32(plan)) + (at << 2))
    base = int(ptr8(arena))
    wide = 1
    wide = (wide << 16 << 16) >> 27  # bits of an int beyond 32: 0, or 32 on x64
    depth = p[_IN_C]
    channels = p[_OUT_C]
    height = p[_K_H]
    taps = height * p[_K_W]
    turn = 36 * ((taps + 8) // 9)  # bytes of the weights of one rotation
    offset = (p[_IN_ZERO] & 0xFF) ^ 0x80
    step = p[_S_W] * height
    more = wide | int(taps > 9)
    entry = ptr32(base + p[_SCRATCH])
    words = base + p[_SCRATCH] + 12 * channels
    windows = words + turn * height
    columns = (p[_OUT_W] - 1) * p[_S_W] + p[_K_W]
    after = windows + p[_OUT_W] * step  # the last window
    row = p[_IN_W] * depth
    inside = columns - p[_P_L]  # columns of the picture in a row of windows
    if inside > p[_IN_W]:
        inside = p[_IN_W]
    zero = (p[_OUT_ZERO] & 0xFF) ^ 0x80
    below = ((p[_LOWEST] & 0xFF) ^ 0x80) - zero
    relu = int(below == 0)
    above = ((p[_HIGHEST] & 0xFF) ^ 0x80) - zero
    zero -= 0x80
    # The first window: its first input row, the rotation of its weights, and the slots in the rings of rows.
    top = first * p[_S_H] - p[_P_T]
    first_turn = (first * p[_S_H]) % height
    first_input = top % p[_INPUT_ROWS]
    first_output = first % p[_OUTPUT_ROWS]
    source = base + p[_INPUT]
    part = 0  # index among the output channels of an input channel
    b = p[_WEIGHT_OFFSET]
    w = ptr32(words)
    while int(w) != windows:
        w[0] = 0
        w = ptr32(int(w) + 4)
    channel = 0
    while channel < channels:
        # Rotation t of the weights: tap (ky, kx) belongs to slot (ky + t) % height of column kx.
        total = 0
        x = ptr8(int(ptr8(filters)) + position + channel)
        ky = 0
        while ky < height:
            kx = ky << 2
            while kx < taps << 2:
                v = (x[0] ^ 0x80) - b
                x = ptr8(int(x) + channels)
                total += v
                a = words + kx
                n = height - ky
                while n:
                    ptr32(a)[0] = v
                    a += turn + 4
                    n -= 1
                a -= height << 2
                n = ky
                while n:
                    ptr32(a)[0] = v
                    a += turn + 4
                    n -= 1
                kx += height << 2
            ky += 1
        total = entry[2] - total * offset
        # The requantization is that of conv_2d.py.
        high = entry[0] >> 16
        low = entry[0] & 0xFFFF
        up = wide
        right = (0 - entry[1]) & 0x3F
        if right > 31:
            up += 64 - right
            right = 0
        shift = right
        factor = (entry[0] + 0x8000) >> 16
        lower = 0
        upper = 0
        if shift > 2 and shift < 23:
            n = (1 << 29) // (factor + 1)
            lower = 0 - (((0 - below) * n) << 8 >> (22 - shift))
            upper = (above * n) << 8 >> (22 - shift)
        bits = 21
        if shift < 6:
            bits = shift + 15
            shift = 6
        shift -= 6
        mask = (1 << bits) - 1
        decided = mask - 0x18000
        half = (1 << (bits - 1)) - 0x8000 + (zero << bits)
        # The next input row to gather, and its slots in the columns and in the ring.
        gathered = top
        slot = first_turn
        ring = first_input
        turned = first_turn
        written = first_output
        y = first
        while y < last:
            end = y * p[_S_H] - p[_P_T] + height
            if gathered < end - height:
                gathered = end - height
                slot = turned
                ring = gathered % p[_INPUT_ROWS]
            while gathered < end:
                x = ptr8(windows + slot)
                n = p[_P_L]
                m = columns - n
                if gathered < 0 or gathered >= p[_IN_H]:
                    n = columns
                    m = 0
                while n:
                    x[0] = offset
                    x = ptr8(int(x) + height)
                    n -= 1
                if m:
                    a = source + ring * row
                    n = inside >> 1
                    while n:
                        x[0] = ptr8(a)[0] ^ 0x80
                        a += depth
                        x = ptr8(int(x) + height)
                        x[0] = ptr8(a)[0] ^ 0x80
                        a += depth
                        x = ptr8(int(x) + height)
                        n -= 1
                    if inside & 1:
                        x[0] = ptr8(a)[0] ^ 0x80
                        x = ptr8(int(x) + height)
                    n = m - inside
                    while n:
                        x[0] = offset
                        x = ptr8(int(x) + height)
                        n -= 1
                gathered += 1
                slot += 1
                if slot == height:
                    slot = 0
                ring += 1
                if ring == p[_INPUT_ROWS]:
                    ring = 0
            w = ptr32(words + turn * turned)
            w0 = w[0]
            w1 = w[1]
            w2 = w[2]
            w3 = w[3]
            w4 = w[4]
            w5 = w[5]
            w6 = w[6]
            w7 = w[7]
            w8 = w[8]
            out = ptr8(base + p[_OUTPUT] + written * p[_OUT_W] * channels + channel - channels)
            x = ptr8(windows)
            while int(x) != after:
                a = w0 * x[0] + total
                a = w1 * x[1] + a
                a = w2 * x[2] + a
                a = w3 * x[3] + a
                a = w4 * x[4] + a
                a = w5 * x[5] + a
                a = w6 * x[6] + a
                a = w7 * x[7] + a
                a = w8 * x[8] + a
                if more:
                    m = 9
                    while m < taps:
                        a += w[m] * x[m]
                        m += 1
                    a = (a << wide) >> wide
                out = ptr8(int(out) + channels)
                x = ptr8(int(x) + step)
                if a < lower:
                    if relu:
                        out[0] = zero
                        continue
                elif a < upper:
                    t = (a >> shift) * factor + half
                    if (t & mask) < decided:
                        out[0] = t >> bits
                        continue
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
            y += 1
            written += 1
            if written == p[_OUTPUT_ROWS]:
                written = 0
            turned += p[_S_H]
            while turned >= height:
                turned -= height
        entry = ptr32(int(entry) + 12)
        channel += 1
        part += 1
        if part == p[_DEPTH_MULTIPLIER]:
            part = 0
            source += 1
