# SPDX-License-Identifier: MIT
"""ADD of two tensors, of which the second may be constant or repeat."""

from array import array

from micropython import const

from ..loading import elementwise
from ..loading.elementwise import INPUTS, NEEDS, OVERLAP, STREAMS, macs, piece  # noqa: F401
from ..quantization import fill

KERNEL = "add"
OPTIONS = 11

# Words of a layer's record (record.toml).
_IN_SCALE = const(22)
_OUT_SCALE = const(23)
_SUM_MULTIPLIER = const(24)
_SUM_SHIFT = const(25)
_MULTIPLIER_1 = const(26)
_SHIFT_1 = const(27)
_MULTIPLIER_2 = const(28)
_SHIFT_2 = const(29)

_ONE = const(0x3F800000)  # 1.0 as float32


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    scale_2, _ = elementwise.prepare(graph, inputs, output, record, graph.activated(options, 0))
    twice = common_scale(graph, record[_IN_SCALE], scale_2)
    factors(graph, record, (record[_IN_SCALE], scale_2, twice), (twice, twice, record[_OUT_SCALE]))


def common_scale(graph, scale, scale_2):
    """Returns the scale of the sum, twice the larger one; positive float32 compare like their bits."""
    twice = max(scale, scale_2) + (1 << 23)
    if twice >> 23 > 254:
        graph.unquantized("scales exceed float32")
    return twice


def factors(graph, record, scales, divisors):
    """Writes the factors of both inputs and of the sum: quotients of float32 numbers."""
    record[_MULTIPLIER_1], record[_SHIFT_1] = _factor(scales[0], divisors[0])
    record[_MULTIPLIER_2], record[_SHIFT_2] = _factor(scales[1], divisors[1])
    record[_SUM_MULTIPLIER], record[_SUM_SHIFT] = _factor(scales[2], divisors[2], 20)
    if record[_SUM_SHIFT] > 0:
        graph.unquantized("the output scale is too small for the inputs'")


def _factor(scale, divisor, left=0):
    """Returns multiplier and shift of scale / divisor / 2**left; (0, 0) where that is negligible."""
    entry = array("i", (0, 0, 0))
    fill(0, 0, entry, scale.to_bytes(4, "little"), 0, 1, _ONE, divisor)
    shift = entry[1] - left
    return (0, 0) if shift < -31 else (entry[0], shift)


def scratch(record, whole):
    """Returns the bytes of scratch: two tables of 256 words."""
    return 2048
