# SPDX-License-Identifier: MIT
"""Converts the samples of three components to a row of RGB pixels, with libjpeg's rounding."""

import micropython

from .. import compiled


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
def interleave(
    y: ptr8, y_at: int, cb: ptr8, cb_at: int, cr: ptr8, cr_at: int, out: ptr8, count: int, ycc: int
):
    """Writes `count` RGB pixels from three rows of YCbCr (`ycc` 1; JFIF, in 1/65536) or RGB samples (0)."""
    p = 0
    i = 0
    while i < count:
        red = int(y[y_at + i])
        green = int(cb[cb_at + i])
        blue = int(cr[cr_at + i])
        if ycc:
            luma = red
            u = green - 128
            v = blue - 128
            red = luma + ((91881 * v + 32768) >> 16)  # 1.402
            green = luma + ((32768 - 22554 * u - 46802 * v) >> 16)  # 0.34414, 0.71414
            blue = luma + ((116130 * u + 32768) >> 16)  # 1.772
            if red < 0:
                red = 0
            elif red > 255:
                red = 255
            if green < 0:
                green = 0
            elif green > 255:
                green = 255
            if blue < 0:
                blue = 0
            elif blue > 255:
                blue = 255
        out[p] = red
        out[p + 1] = green
        out[p + 2] = blue
        p += 3
        i += 1


compiled.replace(globals())
