# SPDX-License-Identifier: MIT
"""MUL of two tensors; the second may repeat."""

import numpy as np

from galago.tflite.exact.layer import Int8, Layer
from galago.tflite.exact.rounding import rescaled


def run(layer: Layer, inputs: list[Int8]) -> Int8:
    """The outputs, int8 [elements]."""
    record = layer.record
    product = inputs[0].ravel().astype(np.int64) - record.in_zero
    product *= layer.second(inputs).astype(np.int64) - record.zero_2
    return layer.clamp(rescaled(product, record.product_multiplier, record.product_shift))
