# SPDX-License-Identifier: MIT
"""PRELU: x, or x times a slope where x is negative; the slopes repeat."""

import numpy as np

from galago.tflite.exact.layer import Int8, Layer
from galago.tflite.exact.rounding import rescaled


def run(layer: Layer, inputs: list[Int8]) -> Int8:
    """The outputs, int8 [elements]."""
    record = layer.record
    x = inputs[0].ravel().astype(np.int64) - record.in_zero
    slopes = layer.second(inputs).astype(np.int64) - record.zero_2
    positive = rescaled(x, record.other_multiplier, record.other_shift)
    negative = rescaled(x * slopes, record.product_multiplier, record.product_shift)
    return layer.clamp(np.where(x < 0, negative, positive))
