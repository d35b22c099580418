# SPDX-License-Identifier: MIT
"""RESIZE_BILINEAR: positions have 10 fractional bits, sums 20; they are rounded half away from zero."""

import numpy as np

from galago.tflite.exact.layer import Int8, Integers, Layer


def run(layer: Layer, inputs: list[Int8]) -> Int8:
    """The outputs, int8 [out_h, out_w, out_c]."""
    record = layer.record
    image = layer.image(inputs[0]).astype(np.int64)
    upper, lower, y = _neighbours(record.out_h, record.in_h, record.row_scale, record.half_pixel)
    left, right, x = _neighbours(record.out_w, record.in_w, record.column_scale, record.half_pixel)
    x, y = x[None, :, None], y[:, None, None]
    top = image[np.ix_(upper, left)] * (1024 - x) + image[np.ix_(upper, right)] * x
    bottom = image[np.ix_(lower, left)] * (1024 - x) + image[np.ix_(lower, right)] * x
    total = top * (1024 - y) + bottom * y
    half = 1 << 19
    return np.where(total > 0, (total + half) >> 20, -((half - total) >> 20)).astype(np.int8)


def _neighbours(count: int, size: int, scale: int, half_pixel: int) -> tuple[Integers, Integers, Integers]:
    """Of each output: the inputs before and after its position, and the distance from the first one."""
    position = np.arange(count) * scale + (scale // 2 - 512 if half_pixel else 0)
    before = np.maximum(position >> 10, 0)
    after = np.minimum((position + 1023) >> 10, size - 1)
    return before, after, position - (before << 10)
