# SPDX-License-Identifier: MIT
"""Integer inverse DCTs of a block to 8x8, 4x4, 2x2 or 1x1 samples.

The 8x8 IDCT is the algorithm of Loeffler, Ligtenberg and Moschytz ("Practical fast 1-D DCT algorithms with 11
multiplications", ICASSP 1989) with constants of 13 bits, as in the slow integer IDCT of libjpeg. The smaller
ones compute the means of 2x2, 4x4 and 8x8 of these samples directly from the coefficients.

`block` is 128 numbers of 16 bits: the coefficients, then the transformed columns, column by column, so that
both passes read numbers that are 8 apart. Only the first `columns` columns and rows have coefficients. Viper
loads 16-bit numbers without sign extension: (x ^ 0x8000) - 0x8000 adds it.

Each function writes samples (0 to 255) into the plane of a component: at `at`, with rows `stride` apart.
Coefficients of damaged files may have any size: sums wrap around, and the samples are clamped.
"""

import micropython


@micropython.viper
def fill(block: ptr16, plane: ptr8, at: int, stride: int, size: int):
    """Writes a block that only has a DC coefficient: all size x size samples are equal."""
    value = (((int(block[0]) ^ 0x8000) - 0x7FFC) >> 3) + 128
    if value >> 8:
        value = 0 if value < 0 else 255
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
def clear_columns(block: ptr16, columns: int):
    """Makes the transformed columns from `columns` on 0."""
    pair = ptr32(block)
    i = 32 + 4 * columns
    while i < 64:
        pair[i] = 0
        pair[i + 1] = 0
        pair[i + 2] = 0
        pair[i + 3] = 0
        i += 4


@micropython.viper
def idct_8(block: ptr16, plane: ptr8, at: int, stride: int, columns: int):
    """Writes all 8x8 samples."""
    clear_columns(block, columns)
    line = 0  # first the columns, then the rows
    half = 1 << 10
    while line < 16:
        i = line
        if line >= 8:
            i = line + 56
        x0 = (((int(block[i]) ^ 0x8000) - 0x8000) << 13) + half
        x1 = (int(block[i + 8]) ^ 0x8000) - 0x8000
        x2 = (int(block[i + 16]) ^ 0x8000) - 0x8000
        x3 = (int(block[i + 24]) ^ 0x8000) - 0x8000
        x4 = (int(block[i + 32]) ^ 0x8000) - 0x8000
        x5 = (int(block[i + 40]) ^ 0x8000) - 0x8000
        x6 = (int(block[i + 48]) ^ 0x8000) - 0x8000
        x7 = (int(block[i + 56]) ^ 0x8000) - 0x8000
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
        if line < 8:
            i = 64 + 8 * line
            block[i] = (even0 + x1) >> 11
            block[i + 7] = (even0 - x1) >> 11
            block[i + 1] = (even1 + x3) >> 11
            block[i + 6] = (even1 - x3) >> 11
            block[i + 2] = (even2 + x5) >> 11
            block[i + 5] = (even2 - x5) >> 11
            block[i + 3] = (even3 + x7) >> 11
            block[i + 4] = (even3 - x7) >> 11
            line += 1
            if line == columns:
                line = 8
                half = (1 << 17) + (128 << 18)
        else:
            value = (even0 + x1) >> 18
            if value >> 8:
                value = 0 if value < 0 else 255
            plane[at] = value
            value = (even0 - x1) >> 18
            if value >> 8:
                value = 0 if value < 0 else 255
            plane[at + 7] = value
            value = (even1 + x3) >> 18
            if value >> 8:
                value = 0 if value < 0 else 255
            plane[at + 1] = value
            value = (even1 - x3) >> 18
            if value >> 8:
                value = 0 if value < 0 else 255
            plane[at + 6] = value
            value = (even2 + x5) >> 18
            if value >> 8:
                value = 0 if value < 0 else 255
            plane[at + 2] = value
            value = (even2 - x5) >> 18
            if value >> 8:
                value = 0 if value < 0 else 255
            plane[at + 5] = value
            value = (even3 + x7) >> 18
            if value >> 8:
                value = 0 if value < 0 else 255
            plane[at + 3] = value
            value = (even3 - x7) >> 18
            if value >> 8:
                value = 0 if value < 0 else 255
            plane[at + 4] = value
            at += stride
            line += 1


@micropython.viper
def idct_4(block: ptr16, plane: ptr8, at: int, stride: int, columns: int):
    """Writes 4x4 samples."""
    clear_columns(block, columns)
    line = 0  # first seven columns, then four rows
    half = 1 << 11
    while line < 12:
        i = line
        if line >= 8:
            i = line + 56
        x0 = (((int(block[i]) ^ 0x8000) - 0x8000) << 14) + half
        x1 = (int(block[i + 8]) ^ 0x8000) - 0x8000
        x2 = (int(block[i + 16]) ^ 0x8000) - 0x8000
        x3 = (int(block[i + 24]) ^ 0x8000) - 0x8000
        x5 = (int(block[i + 40]) ^ 0x8000) - 0x8000
        x6 = (int(block[i + 48]) ^ 0x8000) - 0x8000
        x7 = (int(block[i + 56]) ^ 0x8000) - 0x8000
        z = x2 * 15137 - x6 * 6270  # 1.847759065, 0.765366865
        even0 = x0 + z
        even1 = x0 - z
        # 0.211164243, 1.451774981, 2.172734803, 1.061594337
        odd1 = x7 * -1730 + x5 * 11893 + x3 * -17799 + x1 * 8697
        # 0.509795579, 0.601344887, 0.899976223, 2.562915447
        odd0 = x7 * -4176 + x5 * -4926 + x3 * 7373 + x1 * 20995
        if line < 8:
            i = 64 + 8 * line
            block[i] = (even0 + odd0) >> 12
            block[i + 3] = (even0 - odd0) >> 12
            block[i + 1] = (even1 + odd1) >> 12
            block[i + 2] = (even1 - odd1) >> 12
            line += 1
            if line == 4:  # the rows do not use this column
                line = 5
            if line >= columns:
                line = 8
                half = (1 << 18) + (128 << 19)
        else:
            value = (even0 + odd0) >> 19
            if value >> 8:
                value = 0 if value < 0 else 255
            plane[at] = value
            value = (even0 - odd0) >> 19
            if value >> 8:
                value = 0 if value < 0 else 255
            plane[at + 3] = value
            value = (even1 + odd1) >> 19
            if value >> 8:
                value = 0 if value < 0 else 255
            plane[at + 1] = value
            value = (even1 - odd1) >> 19
            if value >> 8:
                value = 0 if value < 0 else 255
            plane[at + 2] = value
            at += stride
            line += 1


@micropython.viper
def idct_2(block: ptr16, plane: ptr8, at: int, stride: int, columns: int):
    """Writes 2x2 samples."""
    clear_columns(block, columns)
    line = 0  # first the columns, of which the rows use 0, 1, 3, 5 and 7, then two rows
    half = 1 << 12
    while line < 10:
        i = line
        if line >= 8:
            i = line + 56
        x0 = (((int(block[i]) ^ 0x8000) - 0x8000) << 15) + half
        x1 = (int(block[i + 8]) ^ 0x8000) - 0x8000
        x3 = (int(block[i + 24]) ^ 0x8000) - 0x8000
        x5 = (int(block[i + 40]) ^ 0x8000) - 0x8000
        x7 = (int(block[i + 56]) ^ 0x8000) - 0x8000
        # 3.624509785, 1.272758580, 0.850430095, 0.720959822
        odd = x1 * 29692 - x3 * 10426 + x5 * 6967 - x7 * 5906
        if line < 8:
            i = 64 + 8 * line
            block[i] = (x0 + odd) >> 13
            block[i + 1] = (x0 - odd) >> 13
            line += 1
            if line & 1 == 0:
                line += 1
            if line >= columns:
                line = 8
                half = (1 << 19) + (128 << 20)
        else:
            value = (x0 + odd) >> 20
            if value >> 8:
                value = 0 if value < 0 else 255
            plane[at] = value
            value = (x0 - odd) >> 20
            if value >> 8:
                value = 0 if value < 0 else 255
            plane[at + 1] = value
            at += stride
            line += 1
