# SPDX-License-Identifier: MIT
"""DEPTHWISE_CONV_2D: each input channel has `depth_multiplier` output channels."""

import numpy as np

from galago.tflite.exact.layer import Int8, Layer
from galago.tflite.exact.sums import requantized, shifted


def run(layer: Layer, inputs: list[Int8]) -> Int8:
    """The outputs, int8 [out_h, out_w, out_c]."""
    return depthwise(layer, inputs[0], 1, 1)


def depthwise(layer: Layer, source: Int8, down: int, across: int) -> Int8:
    """The outputs with a dilation."""
    record = layer.record
    shape = record.k_h, record.k_w, record.out_c
    weights = layer.constant(record.weights, int(np.prod(shape))).reshape(shape)
    weights = weights.astype(np.float64) - (record.weight_offset - 128)
    sums = np.zeros((record.out_h, record.out_w, record.out_c))
    for ky, kx, place, pixels in shifted(record, layer.image(source), down, across):
        sums[place] += pixels.repeat(record.out_c // record.in_c, axis=2) * weights[ky, kx]
    return requantized(layer, sums)
