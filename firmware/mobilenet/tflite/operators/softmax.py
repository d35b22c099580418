# SPDX-License-Identifier: MIT
"""SOFTMAX over the last dimension."""

from micropython import const

KERNEL = "softmax"
INPUTS = 1
NEEDS = 1, 1
OPTIONS = 9
STREAMS = False
OVERLAP = "below"

# Words of a layer's record (record.toml).
_OUT_ZERO = const(19)
_IN_SCALE = const(22)
_OUT_SCALE = const(23)
_MULTIPLIER = const(28)
_SHIFT = const(29)


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    shape = graph.shape(inputs[0])
    if not shape or graph.shape(output) != shape:
        graph.malformed("%s to %s" % (shape, graph.shape(output)))
    if shape[-1] > 4095:  # the sum has 12 integer bits
        graph.unsupported("softmax over %d values" % shape[-1])
    rows = graph.elements(output) // shape[-1]
    graph.fill(record, inputs[0], (1, rows, shape[-1]), output, (1, rows, shape[-1]), 0)
    graph.window(record, 1, (1, 1), (1, 1))
    if record[_OUT_SCALE] != 0x3B800000 or record[_OUT_ZERO] != -128:
        graph.unquantized("softmax output with a scale other than 1/256 or a zero point other than -128")
    beta = graph.option(options, 0, 4)
    if not 1 <= beta >> 23 <= 254:
        graph.malformed("softmax beta is not positive")
    # beta * scale * 2**26, at most 2**31 - 1: exact in double, then rounded half up by QuantizeMultiplier.
    factor = (beta & 0x7FFFFF | 0x800000) * (record[_IN_SCALE] & 0x7FFFFF | 0x800000)
    bits = 48 if factor >> 47 else 47
    multiplier = (factor + (1 << bits - 32)) >> bits - 31
    shift = (beta >> 23) + (record[_IN_SCALE] >> 23) - 300 + 26 + bits
    if multiplier >> 31:
        multiplier >>= 1
        shift += 1
    if shift > 31:
        multiplier, shift = (1 << 31) - 1, 31
    if shift < 1:
        graph.unquantized("the input scale is too small for softmax")
    record[_MULTIPLIER], record[_SHIFT] = multiplier, shift


def scratch(record, whole):
    """Returns the bytes of scratch: an exponential for each difference, their sum, the largest input."""
    return 4 * (256 + 2)
