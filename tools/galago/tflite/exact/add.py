# SPDX-License-Identifier: MIT
"""ADD and SUB of two tensors, each rescaled with 20 fractional bits; the second may repeat."""

import numpy as np

from galago.tflite.exact.layer import Int8, Integers, Layer
from galago.tflite.exact.rounding import rescaled, word


def run(layer: Layer, inputs: list[Int8]) -> Int8:
    """The outputs, int8 [elements]."""
    record = layer.record
    one = _rescaled(inputs[0].ravel(), record.in_zero, record.multiplier_1, record.shift_1)
    other = _rescaled(layer.second(inputs), record.zero_2, record.multiplier_2, record.shift_2)
    total = (-one if record.subtracted & 1 else one) + (-other if record.subtracted & 2 else other)
    return layer.clamp(rescaled(word(total), record.sum_multiplier, record.sum_shift))


def _rescaled(values: Int8, zero: int, multiplier: int, shift: int) -> Integers:
    return rescaled((values.astype(np.int64) - zero) << 20, multiplier, shift)
