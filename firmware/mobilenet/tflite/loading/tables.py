# SPDX-License-Identifier: MIT
"""Operators that look each byte up in a table of 256, which is computed when the model is loaded.

    KERNEL = tables.KERNEL ...                      # the attributes that such operators share
    scale = tables.factor(record[_IN_SCALE], record[_OUT_SCALE])
    tables.fill(record, lambda x: tables.rescaled(x, scale) + zero)

The arithmetic is TensorFlow Lite Micro's, in integers.
"""

from array import array

from micropython import const

from .. import quantization

KERNEL = "lookup"
INPUTS = 1
NEEDS = 1, 1
STREAMS = True
OVERLAP = "below"

# Words of a layer's record (record.toml).
_K_H = const(12)
_K_W = const(13)
_S_H = const(14)
_S_W = const(15)
_IN_ZERO = const(18)
_LOWEST = const(20)
_HIGHEST = const(21)

_ONE = const(0x3F800000)  # 1.0 as float32


def prepare(graph, inputs, output, record, activation=0):
    """Checks that shapes are equal, and fills a record except for its table."""
    shape = graph.volume(inputs[0])
    if graph.shape(inputs[0]) != graph.shape(output):
        graph.malformed("%s to %s" % (graph.shape(inputs[0]), graph.shape(output)))
    graph.fill(record, inputs[0], shape, output, shape, activation)
    record[_K_H] = record[_K_W] = record[_S_H] = record[_S_W] = 1


def fill(record, function):
    """Appends the table of a function of x - zero point, clamped to the range of the activation."""
    table = bytearray(256)
    for byte in range(256):
        y = function((byte ^ 128) - 128 - record[_IN_ZERO])
        table[byte] = min(max(y, record[_LOWEST]), record[_HIGHEST]) & 255
    record.extend(array("i", bytes(table)))


def scratch(record, whole):
    """Returns the bytes of scratch."""
    return 0


def factor(a, d=_ONE, b=_ONE):
    """Returns (multiplier, shift) of a * b / d as QuantizeMultiplier rounds it; all are bits of float32."""
    entry = array("i", (0, 0, 0))
    quantization.fill(0, 0, entry, b.to_bytes(4, "little"), 0, 1, a, d)
    return entry[0], entry[1]


def factor_for(graph, bits, a, d=_ONE, b=_ONE):
    """Returns `factor` for numbers of some bits; refuses one whose product exceeds 32 bits."""
    multiplier, shift = factor(a, d, b)
    if shift > 30 - bits:
        graph.unquantized("scales so large, compared with the output's, that sums exceed 32 bits")
    return multiplier, shift


def rescaled(x, scale):
    """Returns x times a factor, rounded twice as MultiplyByQuantizedMultiplier does."""
    multiplier, shift = scale
    x = ((x << max(shift, 0)) * multiplier + (1 << 30)) >> 31
    return divide(x, max(-shift, 0))


def divide(x, exponent):
    """Returns x / 2**exponent, rounded half away from zero."""
    return ((x + (-1 if x < 0 else 0) >> exponent - 1) + 1) >> 1 if exponent else x
