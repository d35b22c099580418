# SPDX-License-Identifier: MIT
"""PAD and PADV2: surrounds a tensor with rows, columns and channels of one value."""

import numpy as np

from galago.tflite.exact.layer import Int8, Layer


def run(layer: Layer, inputs: list[Int8]) -> Int8:
    """The outputs, int8 [out_h, out_w, out_c]."""
    record = layer.record
    outputs = np.full((record.out_h, record.out_w, record.out_c), record.filler & 255, np.uint8).view(np.int8)
    rows, columns, channels = (
        slice(before, before + size)
        for before, size in (
            (record.p_t, record.in_h),
            (record.p_l, record.in_w),
            (record.front, record.in_c),
        )
    )
    outputs[rows, columns, channels] = layer.image(inputs[0])
    return outputs
