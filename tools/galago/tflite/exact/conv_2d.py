# SPDX-License-Identifier: MIT
"""CONV_2D and FULLY_CONNECTED: a product of matrices for each position in the window."""

import numpy as np

from galago.tflite.exact.layer import Int8, Layer
from galago.tflite.exact.sums import requantized, shifted


def run(layer: Layer, inputs: list[Int8]) -> Int8:
    """The outputs, int8 [out_h, out_w, out_c]."""
    record = layer.record
    shape = record.out_c, record.k_h, record.k_w, record.in_c
    weights = layer.constant(record.weights, int(np.prod(shape))).reshape(shape)
    weights = weights.astype(np.float64) - (record.weight_offset - 128)  # products are exact up to 2**53
    sums = np.zeros((record.out_h, record.out_w, record.out_c))
    for ky, kx, place, pixels in shifted(record, layer.image(inputs[0]), 1, 1):
        sums[place] += pixels @ weights[:, ky, kx].T
    return requantized(layer, sums)
