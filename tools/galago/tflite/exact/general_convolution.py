# SPDX-License-Identifier: MIT
"""CONV_2D in groups, and both convolutions with dilation."""

import numpy as np

from galago.tflite.exact.depthwise_conv_2d import depthwise
from galago.tflite.exact.layer import Int8, Layer
from galago.tflite.exact.sums import requantized, shifted
from galago.tflite.records import DEPTHWISE_CONV_2D


def run(layer: Layer, inputs: list[Int8]) -> Int8:
    """The outputs, int8 [out_h, out_w, out_c]."""
    record = layer.record
    down, across = record.dilation >> 16, record.dilation & 0xFFFF
    if record.operator == DEPTHWISE_CONV_2D:
        return depthwise(layer, inputs[0], down, across)
    depth = record.group_depth
    groups = record.in_c // depth
    shape = groups, record.out_c // groups, record.k_h, record.k_w, depth
    weights = layer.constant(record.weights, int(np.prod(shape))).reshape(shape)
    weights = weights.astype(np.float64) - (record.weight_offset - 128)
    sums = np.zeros((record.out_h, record.out_w, record.out_c))
    for ky, kx, place, pixels in shifted(record, layer.image(inputs[0]), down, across):
        split = pixels.reshape(*pixels.shape[:2], groups, depth)
        products = np.einsum("hwgd,gcd->hwgc", split, weights[:, :, ky, kx])
        sums[place] += products.reshape(*pixels.shape[:2], record.out_c)
    return requantized(layer, sums)
