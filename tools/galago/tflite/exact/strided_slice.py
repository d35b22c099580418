# SPDX-License-Identifier: MIT
"""STRIDED_SLICE of rows, columns and channels."""

import numpy as np

from galago.tflite.exact.layer import Int8, Layer


def run(layer: Layer, inputs: list[Int8]) -> Int8:
    """The outputs, int8 [out_h, out_w, out_c]."""
    record = layer.record
    rows = np.arange(record.out_h) * record.s_h - record.p_t
    columns = np.arange(record.out_w) * record.s_w - record.p_l
    channels = np.arange(record.out_c) * record.channel_stride + record.first_channel
    return layer.image(inputs[0])[np.ix_(rows, columns, channels)]
