# SPDX-License-Identifier: MIT
"""MIRROR_PAD: surrounds a tensor with its own rows, columns and channels in reverse order."""

import numpy as np

from galago.tflite.exact.layer import Int8, Layer


def run(layer: Layer, inputs: list[Int8]) -> Int8:
    """The outputs, int8 [out_h, out_w, out_c]."""
    record = layer.record
    mode = "reflect" if record.filler else "symmetric"
    befores, sizes = (record.p_t, record.p_l, record.front), (record.in_h, record.in_w, record.in_c)
    pads = [
        (before, out - before - size)
        for before, out, size in zip(befores, (record.out_h, record.out_w, record.out_c), sizes, strict=True)
    ]
    return np.pad(layer.image(inputs[0]), pads, mode)
