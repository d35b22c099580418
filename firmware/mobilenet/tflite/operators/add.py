# SPDX-License-Identifier: MIT
"""ADD of two tensors of one shape."""

from array import array

from micropython import const

from ..quantization import fill

KERNEL = "add"
INPUTS = 2
NEEDS = 2, 2
OPTIONS = 11
STREAMS = False
OVERLAP = "below"

# Words of a layer's record (loading/graph.py).
_IN_SCALE = const(22)
_OUT_SCALE = const(23)
_MULTIPLIER = const(24)  # of the sum; then its shift
_MULTIPLIER_1 = const(26)  # of the inputs; then their shifts
_MULTIPLIER_2 = const(28)
_ZERO_2 = const(30)


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    shape = graph.shape(inputs[0])
    if graph.shape(inputs[1]) != shape or graph.shape(output) != shape:
        graph.unsupported("%s with %s to %s" % (shape, graph.shape(inputs[1]), graph.shape(output)))
    shape = shape[1:] if len(shape) == 4 and shape[0] == 1 else (1, 1, graph.elements(output))
    graph.fill(record, inputs[0], shape, output, shape, graph.activated(options, 0))
    record[12] = record[13] = record[14] = record[15] = 1
    scale_2, record[_ZERO_2] = graph.scale(inputs[1])
    # The common scale is twice the greater one; positive float32 compare as their bits do.
    twice = max(record[_IN_SCALE], scale_2) + (1 << 23)
    if twice >> 23 > 254:
        graph.unquantized("scales beyond float32")
    _multiplier(record, _MULTIPLIER_1, record[_IN_SCALE], twice)
    _multiplier(record, _MULTIPLIER_2, scale_2, twice)
    if not _multiplier(record, _MULTIPLIER, twice, record[_OUT_SCALE], 20):
        graph.unquantized("the output scale is too small for the inputs'")


def _multiplier(record, word, scale, divisor, left=0):
    """Writes multiplier and shift of scale / divisor / 2**left; False where that is not below 1."""
    entry = array("i", (0, 0, 0))
    fill(0, 0, entry, scale.to_bytes(4, "little"), 0, 1, 0x3F800000, divisor)
    shift = entry[1] - left
    record[word], record[word + 1] = (0, 0) if shift < -31 else (entry[0], shift)
    return shift <= 0


def scratch(record, whole):
    """Bytes of scratch: two tables."""
    return 2048
