# SPDX-License-Identifier: MIT
"""MEAN over height and width."""

from array import array

from micropython import const

from ..quantization import fill

KERNEL = "mean"
INPUTS = 1
NEEDS = 2, 2
OPTIONS = 27
STREAMS = False
OVERLAP = "below"

# Words of a layer's record (record.toml).
_IN_SCALE = const(22)
_OUT_SCALE = const(23)
_MULTIPLIER = const(28)
_SHIFT = const(29)


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    count = window(graph, options, inputs, output, record)
    graph.ratio(record[_IN_SCALE] >> 23, 127, record[_OUT_SCALE] >> 23)
    entry = array("i", (0, 0, 0))
    fill(0, 0, entry, record[_IN_SCALE].to_bytes(4, "little"), 0, 1, 0x3F800000, record[_OUT_SCALE])
    # The division by the count becomes part of the multiplier, with as many bits as its shift allows.
    shift = 0
    while count >> shift + 1:
        shift += 1
    shift = min(shift, 32, 31 + entry[1])
    record[_MULTIPLIER] = (entry[0] << shift) // count
    record[_SHIFT] = entry[1] - shift


def window(graph, options, inputs, output, record):
    """Checks an operator over height and width and fills its record; returns the number of pixels."""
    shape = graph.image(inputs[0])
    axes = graph.integers(inputs[1])
    if sorted([a % 4 for a in axes]) != [1, 2] or min(axes) < -4 or max(axes) > 3:
        graph.unsupported("a reduction over axes %s" % axes)
    expected = (1, 1, 1, shape[2]) if graph.option(options, 0, 1) else (1, shape[2])
    if graph.shape(output) != expected:
        graph.malformed("output %s, expected %s" % (graph.shape(output), expected))
    graph.fill(record, inputs[0], shape, output, (1, 1, shape[2]), 0)
    graph.window(record, 1, shape[:2], (1, 1))
    return shape[0] * shape[1]


def scratch(record, whole):
    """Returns the bytes of scratch."""
    return 0
