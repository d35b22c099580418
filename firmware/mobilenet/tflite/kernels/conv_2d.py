# SPDX-License-Identifier: MIT
"""CONV_2D: computes a tile of output rows at a time, one output channel after the other.

First, the windows of the tile are gathered one after the other as unsigned bytes, u = x + 128, which need no
sign extension. Then the weights of some taps of a channel are held in locals while all windows of the tile
are processed: sum w (x - zero) = sum w u - (zero + 128) sum w.
"""

from micropython import const

from ..quantization import fill

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
_IN_SCALE = const(22)
_OUT_SCALE = const(23)
_WEIGHTS = const(24)
_BIAS = const(25)
_SCALES = const(26)
_SCALE_STEP = const(27)
_TILE = const(28)
_WEIGHT_OFFSET = const(29)


def run(net, at, first, last):
    """Computes output rows [first, last) of the layer whose record starts at net.plan[at]."""
    plan = net.plan
    channels = plan[at + _OUT_C]
    if not first:
        table(net, at, channels)
    rows = plan[at + _TILE]
    size = plan[at + _K_H] * plan[at + _K_W] * plan[at + _IN_C]
    group = net.group(size)
    while first < last:
        end = min(last, first + rows)
        _windows(0, 0, plan, at, net.arena, first, end)
        channel = 0
        while channel < channels:
            stop = min(channels, channel + group)
            filters, position = net.constant(plan[at + _WEIGHTS] + channel * size, (stop - channel) * size)
            _channels(0, 0, plan, at, net.arena, filters, position, channel, stop, first, end)
            channel = stop
        first = end


def table(net, at, channels):
    """Writes the multipliers, shifts and biases of all output channels at the start of the scratch."""
    plan = net.plan
    scales, position = b"", 0
    if plan[at + _SCALES]:
        scales, position = net.constant(plan[at + _SCALES], plan[at + _SCALE_STEP] * channels or 4)
    entries(0, 0, plan, at, net.arena, scales, position, 0)
    biases, position = b"", 0
    if plan[at + _BIAS]:
        biases, position = net.constant(plan[at + _BIAS], 4 * channels)
    entries(0, 0, plan, at, net.arena, biases, position, 1)


@micropython.viper
def entries(x: ptr8, e: ptr32, plan, at: int, arena, data, position: int, biases: int):
    """Fills the table from the file's scales or, if `biases`, its third words with the biases.

    Without scales in the file they are 1.0, since the input's scale includes them (operators/conv_2d.py).
    """
    p = ptr32(int(ptr32(plan)) + (at << 2))
    e = ptr32(int(ptr8(arena)) + p[_SCRATCH])
    x = ptr8(int(ptr8(data)) + position)
    n = p[_OUT_C]
    if not biases:
        if not p[_SCALES]:
            e[2] = 0x3F800000  # 1.0, where the bias will be
            x = ptr8(int(e) + 8)
        fill(0, 0, int(e), int(x), p[_SCALE_STEP], n, p[_IN_SCALE], p[_OUT_SCALE])
        n = 0
    while n:
        e[2] = 0
        if p[_BIAS]:
            e[2] = x[0] | (x[1] << 8) | (x[2] << 16) | (x[3] << 24)
            x = ptr8(int(x) + 4)
        e = ptr32(int(e) + 12)
        n -= 1


@micropython.viper
def _windows(x: ptr8, g: ptr8, plan, at: int, arena, first: int, last: int):
    """Gathers the windows of output rows [first, last) one after the other, as x + 128."""
    p = ptr32(int(ptr32(plan)) + (at << 2))
    base = int(ptr8(arena))
    depth = p[_IN_C]
    row = p[_IN_W] * depth
    width = p[_K_W] * depth  # bytes of one window row
    step = p[_S_W] * depth
    columns = p[_OUT_W]
    pixels = (last - first) * columns
    if width == depth == step and p[_K_H] == 1:  # all windows of a row are contiguous
        width = row
        columns = 1
    zero = (p[_IN_ZERO] & 0xFF) ^ 0x80
    g = ptr8(base + p[_SCRATCH] + 12 * p[_OUT_C] + 32 + (pixels << 2))
    while first < last:
        top = first * p[_S_H] - p[_P_T]
        slot = top % p[_INPUT_ROWS]
        start = 0 - p[_P_L] * depth
        column = columns
        while column:
            # Bytes of a window row before, inside and after the picture.
            before = 0
            if start < 0:
                before = 0 - start
                if before > width:
                    before = width
            after = start + width - row
            if after < 0:
                after = 0
            if after > width - before:
                after = width - before
            source = base + p[_INPUT] + start + before
            y = 0
            m = slot
            while y < p[_K_H]:
                n = before
                inside = width - before - after
                if top + y < 0 or top + y >= p[_IN_H]:
                    n = width
                    inside = 0
                while n:
                    g[0] = zero
                    g = ptr8(int(g) + 1)
                    n -= 1
                if inside:
                    x = ptr8(source + m * row)
                    n = inside >> 2
                    while n:
                        g[0] = x[0] ^ 0x80
                        g[1] = x[1] ^ 0x80
                        g[2] = x[2] ^ 0x80
                        g[3] = x[3] ^ 0x80
                        g = ptr8(int(g) + 4)
                        x = ptr8(int(x) + 4)
                        n -= 1
                    n = inside & 3
                    while n:
                        g[0] = x[0] ^ 0x80
                        g = ptr8(int(g) + 1)
                        x = ptr8(int(x) + 1)
                        n -= 1
                    n = after
                    while n:
                        g[0] = zero
                        g = ptr8(int(g) + 1)
                        n -= 1
                y += 1
                m += 1
                if m == p[_INPUT_ROWS]:
                    m = 0
            start += step
            column -= 1
        first += 1


@micropython.viper
def _channels(
    a: int,
    x: ptr8,
    plan,
    at: int,
    arena,
    filters,
    position: int,
    channel: int,
    stop: int,
    first: int,
    last: int,
):
    """Computes the output channels [channel, stop) of rows [first, last) from the gathered windows.

    Viper keeps the first two locals in registers: the accumulator and the window. The other locals hold the
    weights of 32, 16 or 8 taps.
    """
    p = ptr32(int(ptr32(plan)) + (at << 2))
    base = int(ptr8(arena))
    wide = 1
    wide = (wide << 16 << 16) >> 27  # bits of an int beyond 32: 0, or 32 on x64
    f = ptr8(int(ptr8(filters)) + position)
    depth = p[_OUT_C]
    window = p[_K_H] * p[_K_W] * p[_IN_C]
    offset = (p[_IN_ZERO] & 0xFF) ^ 0x80
    pixels = (last - first) * p[_OUT_W]
    entry = ptr32(base + p[_SCRATCH] + 12 * channel)
    stage = ptr8(base + p[_SCRATCH] + 12 * depth)
    accumulators = base + p[_SCRATCH] + 12 * depth + 32
    windows = accumulators + (pixels << 2)
    place = p[_OUTPUT] + (first % p[_OUTPUT_ROWS]) * p[_OUT_W] * depth + channel
    zero = (p[_OUT_ZERO] & 0xFF) ^ 0x80
    below = ((p[_LOWEST] & 0xFF) ^ 0x80) - zero
    relu = int(below == 0)
    above = ((p[_HIGHEST] & 0xFF) ^ 0x80) - zero
    zero -= 0x80
    b = p[_WEIGHT_OFFSET]
    while channel < stop:
        start = entry[2]
        if offset:
            a = 0
            x = f
            end = int(x) + window
            while int(x) != end:
                a += (x[0] ^ 0x80) - b
                x = ptr8(int(x) + 1)
            start -= offset * a
        done = 0
        while done < window:
            left = window - done
            x = f
            if left < 32 and left & 7:
                # Fewer taps than a block: the others get weight 0.
                n = 0
                while n < 32:
                    stage[n] = b ^ 0x80
                    if n < left:
                        stage[n] = f[n]
                    n += 1
                x = stage
            a = 0x80
            taps = 8
            w0 = (x[0] ^ a) - b
            w1 = (x[1] ^ a) - b
            w2 = (x[2] ^ a) - b
            w3 = (x[3] ^ a) - b
            w4 = (x[4] ^ a) - b
            w5 = (x[5] ^ a) - b
            w6 = (x[6] ^ a) - b
            w7 = (x[7] ^ a) - b
            if left > 8:
                taps = 16
                w8 = (x[8] ^ a) - b
                w9 = (x[9] ^ a) - b
                w10 = (x[10] ^ a) - b
                w11 = (x[11] ^ a) - b
                w12 = (x[12] ^ a) - b
                w13 = (x[13] ^ a) - b
                w14 = (x[14] ^ a) - b
                w15 = (x[15] ^ a) - b
                if left > 24:
                    taps = 32
                    w16 = (x[16] ^ a) - b
                    w17 = (x[17] ^ a) - b
                    w18 = (x[18] ^ a) - b
                    w19 = (x[19] ^ a) - b
                    w20 = (x[20] ^ a) - b
                    w21 = (x[21] ^ a) - b
                    w22 = (x[22] ^ a) - b
                    w23 = (x[23] ^ a) - b
                    w24 = (x[24] ^ a) - b
                    w25 = (x[25] ^ a) - b
                    w26 = (x[26] ^ a) - b
                    w27 = (x[27] ^ a) - b
                    w28 = (x[28] ^ a) - b
                    w29 = (x[29] ^ a) - b
                    w30 = (x[30] ^ a) - b
                    w31 = (x[31] ^ a) - b
            f = ptr8(int(f) + taps)
            x = ptr8(windows + done)
            end = int(x) + pixels * window
            sums = ptr32(accumulators)
            if left > 24:
                while int(x) != end:
                    a = start
                    if done:
                        a = sums[0]
                    a = w0 * x[0] + a
                    a = w1 * x[1] + a
                    a = w2 * x[2] + a
                    a = w3 * x[3] + a
                    a = w4 * x[4] + a
                    a = w5 * x[5] + a
                    a = w6 * x[6] + a
                    a = w7 * x[7] + a
                    a = w8 * x[8] + a
                    a = w9 * x[9] + a
                    a = w10 * x[10] + a
                    a = w11 * x[11] + a
                    a = w12 * x[12] + a
                    a = w13 * x[13] + a
                    a = w14 * x[14] + a
                    a = w15 * x[15] + a
                    a = w16 * x[16] + a
                    a = w17 * x[17] + a
                    a = w18 * x[18] + a
                    a = w19 * x[19] + a
                    a = w20 * x[20] + a
                    a = w21 * x[21] + a
                    a = w22 * x[22] + a
                    a = w23 * x[23] + a
                    a = w24 * x[24] + a
                    a = w25 * x[25] + a
                    a = w26 * x[26] + a
                    a = w27 * x[27] + a
                    a = w28 * x[28] + a
                    a = w29 * x[29] + a
                    a = w30 * x[30] + a
                    a = w31 * x[31] + a
                    sums[0] = a
                    sums = ptr32(int(sums) + 4)
                    x = ptr8(int(x) + window)
            elif left > 8:
                while int(x) != end:
                    a = start
                    if done:
                        a = sums[0]
                    a = w0 * x[0] + a
                    a = w1 * x[1] + a
                    a = w2 * x[2] + a
                    a = w3 * x[3] + a
                    a = w4 * x[4] + a
                    a = w5 * x[5] + a
                    a = w6 * x[6] + a
                    a = w7 * x[7] + a
                    a = w8 * x[8] + a
                    a = w9 * x[9] + a
                    a = w10 * x[10] + a
                    a = w11 * x[11] + a
                    a = w12 * x[12] + a
                    a = w13 * x[13] + a
                    a = w14 * x[14] + a
                    a = w15 * x[15] + a
                    sums[0] = a
                    sums = ptr32(int(sums) + 4)
                    x = ptr8(int(x) + window)
            else:
                while int(x) != end:
                    a = start
                    if done:
                        a = sums[0]
                    a = w0 * x[0] + a
                    a = w1 * x[1] + a
                    a = w2 * x[2] + a
                    a = w3 * x[3] + a
                    a = w4 * x[4] + a
                    a = w5 * x[5] + a
                    a = w6 * x[6] + a
                    a = w7 * x[7] + a
                    sums[0] = a
                    sums = ptr32(int(sums) + 4)
                    x = ptr8(int(x) + window)
            done += taps
        f = ptr8(int(f) + window - done)
        # Between `lower` and `upper` a shorter product decides unless it is close to a tie: quantization.py.
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
        x = ptr8(base + place - depth)
        end = int(x) + pixels * depth
        sums = ptr32(accumulators)
        while int(x) != end:
            a = sums[0]
            if wide:
                a = (a << wide) >> wide
            sums = ptr32(int(sums) + 4)
            x = ptr8(int(x) + depth)
            if a < lower:
                if relu:
                    x[0] = zero
                    continue
            elif a < upper:
                t = (a >> shift) * factor + half
                if (t & mask) < decided:
                    x[0] = t >> bits
                    continue
            # Requantizes with both roundings.
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
            x[0] = a + zero
        entry = ptr32(int(entry) + 12)
        place += 1
        channel += 1
