# SPDX-License-Identifier: MIT
"""AVERAGE_POOL_2D: the mean of the window without padding, rounded half away from zero.

In a model that was uint8, it is rounded half up.
"""

import numpy as np

from galago.tflite.exact.layer import Int8, Integers, Layer
from galago.tflite.exact.pooling import pooled


def run(layer: Layer, inputs: list[Int8]) -> Int8:
    """The outputs, int8 [out_h, out_w, out_c]."""
    half_up = layer.record.half_up

    def mean(window: Int8) -> Integers:
        total: Integers = window.astype(np.int64).sum((0, 1))
        count = window.shape[0] * window.shape[1]
        half = count // 2
        if half_up:
            return (total + 128 * count + half) // count - 128
        return np.sign(total) * ((np.abs(total) + half) // count)

    return pooled(layer, inputs[0], mean)
