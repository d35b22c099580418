# SPDX-License-Identifier: MIT
"""TANH."""

from micropython import const

from ..loading import tables
from ..loading.exponential import exp, reciprocal
from ..loading.tables import INPUTS, KERNEL, NEEDS, OVERLAP, STREAMS, scratch  # noqa: F401
from .logistic import fixed_point

OPTIONS = 0

# Words of a layer's record (record.toml).
_OUT_ZERO = const(19)
_IN_SCALE = const(22)
_OUT_SCALE = const(23)

_HALF = const(0x3C000000)  # 1/128 as float32


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    tables.prepare(graph, inputs, output, record)
    if record[_OUT_SCALE] != _HALF or record[_OUT_ZERO]:
        graph.unquantized("output with a scale other than 1/128 or a zero point other than 0")
    scale, reach = fixed_point(graph, record[_IN_SCALE])

    def tanh(x):
        if abs(x) >= reach:
            return 127 if x > 0 else -128
        x = tables.rescaled(x, scale)
        # (1 - e) / (1 + e) for e = exp(-2 abs(x)): the same bits with one fractional bit less are twice x.
        y = min((reciprocal(exp(-abs(x), 26)) - (1 << 29)) << 2, 0x7FFFFFFF)
        return tables.divide(-y if x < 0 else y, 24)

    tables.fill(record, tanh)
