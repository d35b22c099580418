# SPDX-License-Identifier: MIT
"""What pooling operators share: the part of the picture in each window."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from galago.tflite.exact.layer import Int8, Layer


def pooled(layer: Layer, source: Int8, function: Callable[[Int8], NDArray[np.integer]]) -> Int8:
    """`function` of each window, int8 [rows, columns, channels] to [channels]; padding is left out."""
    record = layer.record
    image = layer.image(source)
    outputs = np.empty((record.out_h, record.out_w, record.out_c), np.int64)
    for y in range(record.out_h):
        top = y * record.s_h - record.p_t
        rows = slice(max(top, 0), top + record.k_h)
        for x in range(record.out_w):
            left = x * record.s_w - record.p_l
            outputs[y, x] = function(image[rows, max(left, 0) : left + record.k_w])
    return np.clip(outputs, record.lowest, record.highest).astype(np.int8)
