# SPDX-License-Identifier: MIT
"""RESIZE_BILINEAR."""

from micropython import const

from ..loading import resizing
from ..loading.resizing import INPUTS, NEEDS, OVERLAP, STREAMS, scratch  # noqa: F401

KERNEL = "resize_bilinear"
OPTIONS = 15

# Words of a layer's record (record.toml).
_ROW_SCALE = const(24)
_HALF_PIXEL = const(26)


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    found = resizing.prepare(graph, options, 2, inputs, output, record)
    shape_in, shape_out, aligned, centers = found
    for i in range(2):
        size, count = shape_in[i], shape_out[i]
        if aligned and count > 1:
            size, count = size - 1, count - 1
        scale = (1024 * size + count // 2) // count
        last = (shape_out[i] - 1) * scale + (scale // 2 - 512 if centers else 0)
        # TFLM reads beyond the input where the rounded scale goes that far.
        if size >> 14 or shape_out[i] >> 14 or last >> 10 >= shape_in[i]:
            graph.unsupported("a resize from %s to %s" % (shape_in, shape_out))
        record[_ROW_SCALE + i] = scale
    record[_HALF_PIXEL] = centers
