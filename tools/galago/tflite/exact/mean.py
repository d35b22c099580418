# SPDX-License-Identifier: MIT
"""MEAN over height and width."""

import numpy as np

from galago.tflite.exact.layer import Int8, Layer
from galago.tflite.exact.rounding import rescaled, word


def run(layer: Layer, inputs: list[Int8]) -> Int8:
    """The outputs, int8 [out_c]."""
    record = layer.record
    totals = (layer.image(inputs[0]).astype(np.int64) - record.in_zero).sum((0, 1))
    return layer.clamp(rescaled(word(totals), record.multiplier, record.shift))
