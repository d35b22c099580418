# SPDX-License-Identifier: MIT
"""RESIZE_NEAREST_NEIGHBOR."""

from array import array

from ..loading import resizing
from ..loading.resizing import INPUTS, NEEDS, OVERLAP, STREAMS, scratch  # noqa: F401
from ..loading.scales import product, ratio

KERNEL = "resize_nearest_neighbor"
OPTIONS = 74


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    found = resizing.prepare(graph, options, 0, inputs, output, record)
    shape_in, shape_out, aligned, centers = found
    for i in range(2):
        size, count = shape_in[i], shape_out[i]
        if count >> 14:
            graph.unsupported("a resize from %s to %s" % (shape_in, shape_out))
        scale = 0
        if not aligned or count == 1:
            scale = ratio(_single(size), _single(count))
        elif size > 1:
            scale = ratio(_single(size - 1), _single(count - 1))
        record.extend(array("i", [_nearest(n, scale, size, aligned, centers) for n in range(count)]))


def _single(n):
    """Returns the bits of a positive integer as float32."""
    exponent = 150
    while n < 1 << 23:
        n <<= 1
        exponent -= 1
    return exponent << 23 | n & 0x7FFFFF


def _nearest(n, scale, size, aligned, centers):
    """Returns the input row of an output row, as TFLM computes it in float32."""
    if not scale or not (n or centers):
        return 0
    # n + 1/2 is half of 2n + 1.
    position = product(_single(2 * n + 1) - (1 << 23) if centers else _single(n), scale)
    shift = 150 - (position >> 23)
    value = (position & 0x7FFFFF | 0x800000) + (1 << shift - 1 if aligned else 0)
    return min(value >> shift, size - 1)
