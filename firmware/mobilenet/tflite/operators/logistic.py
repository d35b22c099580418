# SPDX-License-Identifier: MIT
"""LOGISTIC, the sigmoid."""

from micropython import const

from ..loading import tables
from ..loading.exponential import exp, reciprocal
from ..loading.tables import INPUTS, KERNEL, NEEDS, OVERLAP, STREAMS, scratch  # noqa: F401

OPTIONS = 0

# Words of a layer's record (record.toml).
_OUT_ZERO = const(19)
_IN_SCALE = const(22)
_OUT_SCALE = const(23)

_WHOLE = const(0x3B800000)  # 1/256 as float32


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    tables.prepare(graph, inputs, output, record)
    if record[_OUT_SCALE] != _WHOLE or record[_OUT_ZERO] != -128:
        graph.unquantized("output with a scale other than 1/256 or a zero point other than -128")
    scale, reach = fixed_point(graph, record[_IN_SCALE])

    def sigmoid(x):
        if abs(x) >= reach:
            return 127 if x > 0 else -128
        x = tables.rescaled(x, scale)
        positive = min(reciprocal(exp(-abs(x), 27)) << 1, 0x7FFFFFFF)
        y = positive if x > 0 else 0x7FFFFFFF - positive if x else 1 << 30
        return tables.divide(y, 23) - 128

    tables.fill(record, sigmoid)


def fixed_point(graph, scale):
    """Returns the factor (multiplier, shift) to 27 fractional bits, and the least input beyond 15."""
    multiplier, shift = tables.factor(scale)
    shift += 27
    if not multiplier or not 0 <= shift <= 31:
        graph.unquantized("an input scale below 2**-28 or above 16")
    return (multiplier, shift), (15 << 27) >> shift
