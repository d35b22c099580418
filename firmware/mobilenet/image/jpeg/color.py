# SPDX-License-Identifier: MIT
"""Converts the samples of three components to a row of RGB pixels, with libjpeg's rounding."""

import micropython
from micropython import const

from .. import compiled

# What a row needs of each plane, in words.
DOWN = const(0)  # rows of pixels for a row of samples
ROWS = const(1)  # rows of samples in a row of MCUs
STRIDE = const(2)
KIND = const(3)  # as for `upsample`, and 16: each row of samples is two of pixels
HEIGHT = const(4)  # rows of samples in the picture
COUNT = const(5)  # samples in a row
WIDE = const(6)  # where the upsampled row begins
FIELDS = const(7)


@micropython.viper
def upsample(plane: ptr8, near: int, far: int, count: int, kind: int, out: ptr8):
    """Doubles `count` samples at `near` in width and, towards the row at `far`, in height.

    This is libjpeg's "fancy" upsampling: 3/4 of the nearest sample and 1/4 of the next, in each direction.
    Bits of `kind`: 1 doubles the width, 2 the height (4: the lower of the two rows), 8 repeats in width.
    """
    if kind & 8:
        i = 0
        while i < count:
            out[2 * i] = plane[near + i]
            out[2 * i + 1] = plane[near + i]
            i += 1
        return
    weight = 0
    before = 1
    after = 2
    shift = 2
    if kind & 2:
        weight = 1
        before = 8
        after = 7
        shift = 4
    if kind & 1 == 0:
        before = 1 + ((kind & 4) >> 2)
        i = 0
        while i < count:
            out[i] = (3 * int(plane[near + i]) + int(plane[far + i]) + before) >> 2
            i += 1
        return
    # The far row has `weight`; the near row 3 times that, or 1 if there is no far row.
    own = 1 + 2 * weight
    this = own * int(plane[near]) + weight * int(plane[far])
    left = this
    i = 0
    while i < count:
        right = this
        if i + 1 < count:
            right = own * int(plane[near + i + 1]) + weight * int(plane[far + i + 1])
        out[2 * i] = (3 * this + left + before) >> shift
        out[2 * i + 1] = (3 * this + right + after) >> shift
        left = this
        this = right
        i += 1


@micropython.viper
def plane_row(plan: ptr32, at: int, mcu_row: int, y: int, samples: ptr8, wide: ptr8) -> ptr8:
    """Returns where the samples of row `y` are: in the plane, or upsampled in `wide`."""
    stride = int(plan[at + STRIDE])
    kind = int(plan[at + KIND])
    below = 0
    near = y
    if int(plan[at + DOWN]) == 2:
        below = y & 1
        near = y >> 1
    first = mcu_row * int(plan[at + ROWS]) - 1  # the plane's row 0
    row = (near - first) * stride
    if kind & 11 == 0:
        return ptr8(int(samples) + row)
    far = row
    if kind & 2:
        other = near + 2 * below - 1
        if other >= int(plan[at + HEIGHT]):
            other -= 1
        if other < 0:
            other = 0
        far = (other - first) * stride
        kind |= 4 * below
    out = ptr8(int(wide) + int(plan[at + WIDE]))
    upsample(samples, row, far, int(plan[at + COUNT]), kind, out)
    return out


@micropython.viper
def rgb_rows(
    plan: ptr32,
    mcu_row: int,
    y: int,
    rows: int,
    start: int,
    count: int,
    ycc: int,
    luma: ptr8,
    cb: ptr8,
    cr: ptr8,
    wide: ptr8,
    out: ptr8,
):
    """Writes `count` RGB pixels of each row from `y` on, from the column `start` of the planes on."""
    while rows > 0:
        first = luma
        second = cb
        third = cr
        number = 0
        while number < 3:
            samples = first
            if number == 1:
                samples = second
            elif number == 2:
                samples = third
            row = ptr8(plane_row(plan, FIELDS * number, mcu_row, y, samples, wide))
            row = ptr8(int(row) + start)
            if number == 0:
                first = row
            elif number == 1:
                second = row
            else:
                third = row
            number += 1
        interleave(first, second, third, out, count, ycc)
        out = ptr8(int(out) + 3 * count)
        y += 1
        rows -= 1


@micropython.viper
def interleave(y: ptr8, cb: ptr8, cr: ptr8, out: ptr8, count: int, ycc: int):
    """Writes `count` RGB pixels from three rows of YCbCr (`ycc` 1; JFIF, in 1/65536) or RGB samples (0)."""
    i = 0
    while i < count and ycc == 0:
        p = i + (i << 1)
        out[p] = y[i]
        out[p + 1] = cb[i]
        out[p + 2] = cr[i]
        i += 1
    while i < count:
        luma = int(y[i])
        u = int(cb[i]) - 128
        v = int(cr[i]) - 128
        red = luma + ((91881 * v + 32768) >> 16)  # 1.402
        green = luma + ((32768 - 22554 * u - 46802 * v) >> 16)  # 0.34414, 0.71414
        blue = luma + ((116130 * u + 32768) >> 16)  # 1.772
        if red >> 8:
            red = 0 if red < 0 else 255
        if green >> 8:
            green = 0 if green < 0 else 255
        if blue >> 8:
            blue = 0 if blue < 0 else 255
        p = i + (i << 1)
        out[p] = red
        out[p + 1] = green
        out[p + 2] = blue
        i += 1


compiled.replace(globals(), inlined=("plane_row", "upsample", "interleave"))
