# SPDX-License-Identifier: MIT
"""Integer inverse DCTs of a block to 8x8, 4x4, 2x2 or 1x1 samples.

The 8x8 IDCT is the algorithm of Loeffler, Ligtenberg and Moschytz ("Practical fast 1-D DCT algorithms with 11
multiplications", ICASSP 1989) with constants of 13 bits, as in the slow integer IDCT of libjpeg. The smaller
ones compute the means of 2x2, 4x4 and 8x8 of these samples directly from the coefficients.

Viper loads 16-bit numbers without sign extension: (x ^ 0x8000) - 0x8000 adds it.

Each function writes samples (0 to 255) into the plane of a component: at `at`, with rows `stride` apart.
Coefficients of damaged files may have any size: sums wrap around, and the samples are clamped.
"""

import micropython

from .. import compiled


@micropython.viper
def fill(block: ptr16, plane: ptr8, at: int, stride: int, size: int):
    """Writes a block that only has a DC coefficient: all size x size samples are equal."""
    value = (((int(block[0]) ^ 0x8000) - 0x7FFC) >> 3) + 128
    if value < 0:
        value = 0
    elif value > 255:
        value = 255
    y = 0
    while y < size:
        p = at
        end = at + size
        while p < end:
            plane[p] = value
            p += 1
        at += stride
        y += 1


@micropython.viper
def idct_8(block: ptr16, plane: ptr8, at: int, stride: int):
    """Writes all 8x8 samples; `block` is overwritten."""
    line = 0
    base = 0
    step = 8  # first the columns, then the rows, in place
    shift = 11
    while line < 16:
        if line == 8:
            base = 0
            step = 1
            shift = 18
        i1 = base + step
        i2 = i1 + step
        i3 = i2 + step
        i4 = i3 + step
        i5 = i4 + step
        i6 = i5 + step
        i7 = i6 + step
        x1 = (int(block[i1]) ^ 0x8000) - 0x8000
        x2 = (int(block[i2]) ^ 0x8000) - 0x8000
        x3 = (int(block[i3]) ^ 0x8000) - 0x8000
        x4 = (int(block[i4]) ^ 0x8000) - 0x8000
        x5 = (int(block[i5]) ^ 0x8000) - 0x8000
        x6 = (int(block[i6]) ^ 0x8000) - 0x8000
        x7 = (int(block[i7]) ^ 0x8000) - 0x8000
        x0 = (((int(block[base]) ^ 0x8000) - 0x8000) << 13) + (1 << (shift - 1))
        if x1 | x2 | x3 | x4 | x5 | x6 | x7 == 0:
            x0 >>= shift
            block[base] = x0
            block[i1] = x0
            block[i2] = x0
            block[i3] = x0
            block[i4] = x0
            block[i5] = x0
            block[i6] = x0
            block[i7] = x0
        else:
            # Even part.
            z = (x2 + x6) * 4433  # 0.541196100
            e2 = z - x6 * 15137  # 1.847759065
            e3 = z + x2 * 6270  # 0.765366865
            x4 <<= 13
            even0 = x0 + x4 + e3
            even3 = x0 + x4 - e3
            even1 = x0 - x4 + e2
            even2 = x0 - x4 - e2
            # Odd part.
            z1 = (x7 + x1) * -7373  # 0.899976223
            z2 = (x5 + x3) * -20995  # 2.562915447
            z3 = x7 + x3
            z4 = x5 + x1
            z = (z3 + z4) * 9633  # 1.175875602
            z3 = z3 * -16069 + z  # 1.961570560
            z4 = z4 * -3196 + z  # 0.390180644
            x7 = x7 * 2446 + z1 + z3  # 0.298631336
            x5 = x5 * 16819 + z2 + z4  # 2.053119869
            x3 = x3 * 25172 + z2 + z3  # 3.072711026
            x1 = x1 * 12299 + z1 + z4  # 1.501321110
            block[base] = (even0 + x1) >> shift
            block[i7] = (even0 - x1) >> shift
            block[i1] = (even1 + x3) >> shift
            block[i6] = (even1 - x3) >> shift
            block[i2] = (even2 + x5) >> shift
            block[i5] = (even2 - x5) >> shift
            block[i3] = (even3 + x7) >> shift
            block[i4] = (even3 - x7) >> shift
        line += 1
        base += 9 - step
    i = 0
    while i < 64:
        value = (int(block[i]) ^ 0x8000) - 0x7F80
        if value < 0:
            value = 0
        elif value > 255:
            value = 255
        plane[at + (i & 7)] = value
        i += 1
        if i & 7 == 0:
            at += stride


@micropython.viper
def idct_4(block: ptr16, plane: ptr8, at: int, stride: int):
    """Writes 4x4 samples; `block` is overwritten."""
    line = 0
    base = 0
    step = 8  # first seven columns, then four rows, in place
    shift = 12
    while line < 12:
        if line == 8:
            base = 0
            step = 1
            shift = 19
        if line != 4:  # the rows do not use this column
            i1 = base + step
            i2 = i1 + step
            i3 = i2 + step
            i5 = i3 + 2 * step
            i6 = i5 + step
            x1 = (int(block[i1]) ^ 0x8000) - 0x8000
            x3 = (int(block[i3]) ^ 0x8000) - 0x8000
            x5 = (int(block[i5]) ^ 0x8000) - 0x8000
            x7 = (int(block[i6 + step]) ^ 0x8000) - 0x8000
            x2 = (int(block[i2]) ^ 0x8000) - 0x8000
            x6 = (int(block[i6]) ^ 0x8000) - 0x8000
            even = (((int(block[base]) ^ 0x8000) - 0x8000) << 14) + (1 << (shift - 1))
            z = x2 * 15137 - x6 * 6270  # 1.847759065, 0.765366865
            # 0.211164243, 1.451774981, 2.172734803, 1.061594337
            odd1 = x7 * -1730 + x5 * 11893 + x3 * -17799 + x1 * 8697
            # 0.509795579, 0.601344887, 0.899976223, 2.562915447
            odd0 = x7 * -4176 + x5 * -4926 + x3 * 7373 + x1 * 20995
            block[base] = (even + z + odd0) >> shift
            block[i3] = (even + z - odd0) >> shift
            block[i1] = (even - z + odd1) >> shift
            block[i2] = (even - z - odd1) >> shift
        line += 1
        base += 9 - step
    y = 0
    while y < 4:
        x = 0
        while x < 4:
            value = (int(block[8 * y + x]) ^ 0x8000) - 0x7F80
            if value < 0:
                value = 0
            elif value > 255:
                value = 255
            plane[at + x] = value
            x += 1
        at += stride
        y += 1


@micropython.viper
def idct_2(block: ptr16, plane: ptr8, at: int, stride: int):
    """Writes 2x2 samples; `block` is overwritten."""
    line = 0
    base = 0
    step = 8  # first the columns, of which the rows use 0, 1, 3, 5 and 7, then two rows, in place
    shift = 13
    while line < 10:
        if line == 8:
            base = 0
            step = 1
            shift = 20
        i1 = base + step
        i3 = i1 + 2 * step
        i5 = i3 + 2 * step
        x1 = (int(block[i1]) ^ 0x8000) - 0x8000
        x3 = (int(block[i3]) ^ 0x8000) - 0x8000
        x5 = (int(block[i5]) ^ 0x8000) - 0x8000
        x7 = (int(block[i5 + 2 * step]) ^ 0x8000) - 0x8000
        even = (((int(block[base]) ^ 0x8000) - 0x8000) << 15) + (1 << (shift - 1))
        # 3.624509785, 1.272758580, 0.850430095, 0.720959822
        odd = x1 * 29692 - x3 * 10426 + x5 * 6967 - x7 * 5906
        block[base] = (even + odd) >> shift
        block[i1] = (even - odd) >> shift
        line += 1
        base += 9 - step
    y = 0
    while y < 2:
        x = 0
        while x < 2:
            value = (int(block[8 * y + x]) ^ 0x8000) - 0x7F80
            if value < 0:
                value = 0
            elif value > 255:
                value = 255
            plane[at + x] = value
            x += 1
        at += stride
        y += 1


compiled.replace(globals())
