# SPDX-License-Identifier: MIT
"""Integer inverse DCTs of a block to 8x8, 4x4, 2x2 or 1x1 samples.

The 8x8 IDCT is the algorithm of Loeffler, Ligtenberg and Moschytz ("Practical fast 1-D DCT algorithms with 11
multiplications", ICASSP 1989) with constants of 13 bits, as in the slow integer IDCT of libjpeg. It is
multiplied out: each constant is a sum of theirs, which gives the same words. Half of the products are left
out where no line has more than four coefficients, as in most blocks. The smaller IDCTs compute the means of
2x2, 4x4 and 8x8 of these samples directly from the coefficients.

`block` is 128 numbers of 16 bits: the coefficients, then the transformed columns, column by column, so that
both passes read numbers that are 8 apart. Only the first `columns` columns and rows have coefficients. Viper
loads 16-bit numbers without sign extension: (x ^ 0x8000) - 0x8000 adds it.

Each function writes samples (0 to 255) into the plane of a component: at `at`, with rows `stride` apart.
Coefficients of damaged files may have any size: sums wrap around, and the samples are clamped.
"""

import micropython


@micropython.viper
def fill(block: ptr16, plane: ptr8, at: int, stride: int, size: int):
    """Writes a block that only has a DC coefficient: all size x size samples are equal.

    `at` and `stride` are multiples of `size`, so that four samples can be written as a word.
    """
    value = (((int(block[0]) ^ 0x8000) - 0x7FFC) >> 3) + 128
    if value >> 8:
        value = 0 if value < 0 else 255
    end = at + size * stride
    last = size - 1
    while size < 4 and at < end:
        plane[at] = value
        plane[at + last] = value
        at += stride
    value |= value << 8
    value |= value << 16
    last = last >> 2
    while at < end:
        row = ptr32(int(plane) + at)
        row[0] = value
        row[last] = value
        at += stride


@micropython.viper
def clear_columns(block: ptr16, columns: int):
    """Makes the transformed columns from `columns` on 0, up to the fourth or the last."""
    pair = ptr32(block)
    end = 64
    if columns <= 4:
        end = 48
    i = 32 + 4 * columns
    while i < end:
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
        upper = (((int(block[i]) ^ 0x8000) - 0x8000) << 13) + half
        x1 = (int(block[i + 8]) ^ 0x8000) - 0x8000
        x2 = (int(block[i + 16]) ^ 0x8000) - 0x8000
        x3 = (int(block[i + 24]) ^ 0x8000) - 0x8000
        lower = upper
        even3 = x2 * 10703
        even2 = x2 * 4433
        odd0 = x1 * 11363 + x3 * 9633
        odd1 = x1 * 9633 - x3 * 2259
        odd2 = x1 * 6437 - x3 * 11362
        odd3 = x1 * 2260 - x3 * 6436
        if columns > 4:
            x4 = ((int(block[i + 32]) ^ 0x8000) - 0x8000) << 13
            x5 = (int(block[i + 40]) ^ 0x8000) - 0x8000
            x6 = (int(block[i + 48]) ^ 0x8000) - 0x8000
            x7 = (int(block[i + 56]) ^ 0x8000) - 0x8000
            upper += x4
            lower -= x4
            even3 += x6 * 4433
            even2 -= x6 * 10704
            odd0 += x5 * 6437
            odd1 -= x5 * 11362
            odd2 += x5 * 2261
            odd3 += x5 * 9633
            odd0 += x7 * 2260
            odd1 -= x7 * 6436
            odd2 += x7 * 9633
            odd3 -= x7 * 11363
        even0 = upper + even3
        even3 = upper - even3
        even1 = lower + even2
        even2 = lower - even2
        if line < 8:
            i = 64 + 8 * line
            block[i] = (even0 + odd0) >> 11
            block[i + 7] = (even0 - odd0) >> 11
            block[i + 1] = (even1 + odd1) >> 11
            block[i + 6] = (even1 - odd1) >> 11
            block[i + 2] = (even2 + odd2) >> 11
            block[i + 5] = (even2 - odd2) >> 11
            block[i + 3] = (even3 + odd3) >> 11
            block[i + 4] = (even3 - odd3) >> 11
            line += 1
            if line == columns:
                line = 8
                half = (1 << 17) + (128 << 18)
        else:
            value = (even0 + odd0) >> 18
            if value >> 8:
                value = 0 if value < 0 else 255
            plane[at] = value
            value = (even0 - odd0) >> 18
            if value >> 8:
                value = 0 if value < 0 else 255
            plane[at + 7] = value
            value = (even1 + odd1) >> 18
            if value >> 8:
                value = 0 if value < 0 else 255
            plane[at + 1] = value
            value = (even1 - odd1) >> 18
            if value >> 8:
                value = 0 if value < 0 else 255
            plane[at + 6] = value
            value = (even2 + odd2) >> 18
            if value >> 8:
                value = 0 if value < 0 else 255
            plane[at + 2] = value
            value = (even2 - odd2) >> 18
            if value >> 8:
                value = 0 if value < 0 else 255
            plane[at + 5] = value
            value = (even3 + odd3) >> 18
            if value >> 8:
                value = 0 if value < 0 else 255
            plane[at + 3] = value
            value = (even3 - odd3) >> 18
            if value >> 8:
                value = 0 if value < 0 else 255
            plane[at + 4] = value
            at += stride
            line += 1


@micropython.viper
def idct_4(block: ptr16, plane: ptr8, at: int, stride: int, columns: int):
    """Writes 4x4 samples. Columns and rows have a loop each: fewer variables need registers at once."""
    clear_columns(block, columns)
    i = 0
    while i < columns:
        x0 = ((int(block[i]) ^ 0x8000) - 0x8000) << 14 | (1 << 11)
        x1 = (int(block[i + 8]) ^ 0x8000) - 0x8000
        x2 = (int(block[i + 16]) ^ 0x8000) - 0x8000
        x3 = (int(block[i + 24]) ^ 0x8000) - 0x8000
        # 1.847759065; 0.211164243, 1.451774981, 2.172734803, 1.061594337
        even1 = x2 * 15137
        odd1 = x1 * 8697 - x3 * 17799
        # 0.509795579, 0.601344887, 0.899976223, 2.562915447
        odd0 = x1 * 20995 + x3 * 7373
        if columns > 4:
            x5 = (int(block[i + 40]) ^ 0x8000) - 0x8000
            x6 = (int(block[i + 48]) ^ 0x8000) - 0x8000
            x7 = (int(block[i + 56]) ^ 0x8000) - 0x8000
            even1 -= x6 * 6270  # 0.765366865
            odd1 += x5 * 11893
            odd1 -= x7 * 1730
            odd0 -= x5 * 4926
            odd0 -= x7 * 4176
        even0 = x0 + even1
        even1 = x0 - even1
        column = 64 + 8 * i
        block[column] = (even0 + odd0) >> 12
        block[column + 3] = (even0 - odd0) >> 12
        block[column + 1] = (even1 + odd1) >> 12
        block[column + 2] = (even1 - odd1) >> 12
        i += 1
        if i == 4:  # the rows do not use this column
            i = 5
    end = at + 4 * stride
    i = 64
    while at < end:
        x0 = (((int(block[i]) ^ 0x8000) - 0x8000) << 14) + (1 << 18) + (128 << 19)
        x1 = (int(block[i + 8]) ^ 0x8000) - 0x8000
        x2 = (int(block[i + 16]) ^ 0x8000) - 0x8000
        x3 = (int(block[i + 24]) ^ 0x8000) - 0x8000
        even1 = x2 * 15137
        odd1 = x1 * 8697 - x3 * 17799
        odd0 = x1 * 20995 + x3 * 7373
        if columns > 4:
            x5 = (int(block[i + 40]) ^ 0x8000) - 0x8000
            x6 = (int(block[i + 48]) ^ 0x8000) - 0x8000
            x7 = (int(block[i + 56]) ^ 0x8000) - 0x8000
            even1 -= x6 * 6270
            odd1 += x5 * 11893
            odd1 -= x7 * 1730
            odd0 -= x5 * 4926
            odd0 -= x7 * 4176
        even0 = x0 + even1
        even1 = x0 - even1
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
        i += 1


@micropython.viper
def idct_2(block: ptr16, plane: ptr8, at: int, stride: int, columns: int):
    """Writes 2x2 samples."""
    # 3.624509785, 1.272758580, 0.850430095, 0.720959822
    x0 = (((int(block[0]) ^ 0x8000) - 0x8000) << 15) + (1 << 12)
    x1 = (int(block[8]) ^ 0x8000) - 0x8000
    x3 = (int(block[24]) ^ 0x8000) - 0x8000
    odd = x1 * 29692 - x3 * 10426
    if columns > 4:
        odd += ((int(block[40]) ^ 0x8000) - 0x8000) * 6967
        odd -= ((int(block[56]) ^ 0x8000) - 0x8000) * 5906
    upper = ((((x0 + odd) >> 13) & 0xFFFF) ^ 0x8000) - 0x8000
    lower = ((((x0 - odd) >> 13) & 0xFFFF) ^ 0x8000) - 0x8000
    even0 = (upper << 15) + (1 << 19) + (128 << 20)
    even1 = (lower << 15) + (1 << 19) + (128 << 20)
    odd0 = 0
    odd1 = 0
    weight = 29692
    weight2 = -10426
    column = 1  # and 3, then 5 and 7: they are transformed, and added to the rows at once
    while column < columns:
        x0 = (((int(block[column]) ^ 0x8000) - 0x8000) << 15) + (1 << 12)
        x1 = (int(block[column + 8]) ^ 0x8000) - 0x8000
        x3 = (int(block[column + 24]) ^ 0x8000) - 0x8000
        odd = x1 * 29692 - x3 * 10426
        if columns > 4:
            odd += ((int(block[column + 40]) ^ 0x8000) - 0x8000) * 6967
            odd -= ((int(block[column + 56]) ^ 0x8000) - 0x8000) * 5906
        upper = ((((x0 + odd) >> 13) & 0xFFFF) ^ 0x8000) - 0x8000
        lower = ((((x0 - odd) >> 13) & 0xFFFF) ^ 0x8000) - 0x8000
        odd0 += upper * weight
        odd1 += lower * weight
        x0 = (((int(block[column + 2]) ^ 0x8000) - 0x8000) << 15) + (1 << 12)
        x1 = (int(block[column + 10]) ^ 0x8000) - 0x8000
        x3 = (int(block[column + 26]) ^ 0x8000) - 0x8000
        odd = x1 * 29692 - x3 * 10426
        if columns > 4:
            odd += ((int(block[column + 42]) ^ 0x8000) - 0x8000) * 6967
            odd -= ((int(block[column + 58]) ^ 0x8000) - 0x8000) * 5906
        upper = ((((x0 + odd) >> 13) & 0xFFFF) ^ 0x8000) - 0x8000
        lower = ((((x0 - odd) >> 13) & 0xFFFF) ^ 0x8000) - 0x8000
        odd0 += upper * weight2
        odd1 += lower * weight2
        weight = 6967
        weight2 = -5906
        column += 4
    value = (even0 + odd0) >> 20
    if value >> 8:
        value = 0 if value < 0 else 255
    plane[at] = value
    value = (even0 - odd0) >> 20
    if value >> 8:
        value = 0 if value < 0 else 255
    plane[at + 1] = value
    at += stride
    value = (even1 + odd1) >> 20
    if value >> 8:
        value = 0 if value < 0 else 255
    plane[at] = value
    value = (even1 - odd1) >> 20
    if value >> 8:
        value = 0 if value < 0 else 255
    plane[at + 1] = value
