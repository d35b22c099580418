# SPDX-License-Identifier: MIT
"""CONCATENATION: one input after the other, piece by piece."""

import numpy as np

from galago.tflite.exact.layer import Int8, Layer


def run(layer: Layer, inputs: list[Int8]) -> Int8:
    """The outputs, int8 [pieces, bytes of a piece]."""
    return np.concatenate([each.reshape(layer.record.pieces, -1) for each in inputs], axis=1)
