# SPDX-License-Identifier: MIT
"""ADD of two tensors with equal shapes."""

from array import array

from micropython import const

from ..quantization import fill

KERNEL = "add"
INPUTS = 2
NEEDS = 2, 2
OPTIONS = 11
STREAMS = False
OVERLAP = "below"

# Words of a layer's record (record.toml).
_K_H = const(12)
_K_W = const(13)
_S_H = const(14)
_S_W = const(15)
_IN_SCALE = const(22)
_OUT_SCALE = const(23)
_SUM_MULTIPLIER = const(24)
_SUM_SHIFT = const(25)
_MULTIPLIER_1 = const(26)
_SHIFT_1 = const(27)
_MULTIPLIER_2 = const(28)
_SHIFT_2 = const(29)
_ZERO_2 = const(30)


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    shape = graph.shape(inputs[0])
    if graph.shape(inputs[1]) != shape or graph.shape(output) != shape:
        graph.unsupported("%s with %s to %s" % (shape, graph.shape(inputs[1]), graph.shape(output)))
    shape = shape[1:] if len(shape) == 4 and shape[0] == 1 else (1, 1, graph.elements(output))
    graph.fill(record, inputs[0], shape, output, shape, graph.activated(options, 0))
    record[_K_H] = record[_K_W] = record[_S_H] = record[_S_W] = 1
    scale_2, record[_ZERO_2] = graph.scale(inputs[1])
    # The common scale is twice the larger one; positive float32 numbers compare like their bits.
    twice = max(record[_IN_SCALE], scale_2) + (1 << 23)
    if twice >> 23 > 254:
        graph.unquantized("scales exceed float32")
    record[_MULTIPLIER_1], record[_SHIFT_1] = _factor(record[_IN_SCALE], twice)
    record[_MULTIPLIER_2], record[_SHIFT_2] = _factor(scale_2, twice)
    record[_SUM_MULTIPLIER], record[_SUM_SHIFT] = _factor(twice, record[_OUT_SCALE], 20)
    if record[_SUM_SHIFT] > 0:
        graph.unquantized("the output scale is too small for the inputs'")


def _factor(scale, divisor, left=0):
    """Returns multiplier and shift of scale / divisor / 2**left; (0, 0) where that is negligible."""
    entry = array("i", (0, 0, 0))
    fill(0, 0, entry, scale.to_bytes(4, "little"), 0, 1, 0x3F800000, divisor)
    shift = entry[1] - left
    return (0, 0) if shift < -31 else (entry[0], shift)


def scratch(record, whole):
    """Returns the bytes of scratch: two tables of 256 words."""
    return 2048
