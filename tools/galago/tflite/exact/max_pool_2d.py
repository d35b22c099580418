# SPDX-License-Identifier: MIT
"""MAX_POOL_2D and REDUCE_MAX: the largest of the window without padding."""

from galago.tflite.exact.layer import Int8, Layer
from galago.tflite.exact.pooling import pooled


def run(layer: Layer, inputs: list[Int8]) -> Int8:
    """The outputs, int8 [out_h, out_w, out_c]."""
    return pooled(layer, inputs[0], lambda window: window.max((0, 1)))
