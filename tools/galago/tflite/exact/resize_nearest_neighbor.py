# SPDX-License-Identifier: MIT
"""RESIZE_NEAREST_NEIGHBOR: the loader computed which input row and column an output pixel repeats."""

import numpy as np

from galago.tflite.exact.layer import Int8, Layer


def run(layer: Layer, inputs: list[Int8]) -> Int8:
    """The outputs, int8 [out_h, out_w, out_c]."""
    rows, columns = np.split(np.array(layer.tail), [layer.record.out_h])
    return layer.image(inputs[0])[np.ix_(rows, columns)]
