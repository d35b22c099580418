# SPDX-License-Identifier: MIT
"""MUL of two tensors, of which the second may be constant or repeat."""

from micropython import const

from ..loading import tables
from ..loading.tables import scratch  # noqa: F401
from .add import INPUTS, NEEDS, OVERLAP, STREAMS, macs, pair, piece  # noqa: F401

KERNEL = "mul"
OPTIONS = 21

# Words of a layer's record (record.toml).
_IN_SCALE = const(22)
_OUT_SCALE = const(23)
_PRODUCT_MULTIPLIER = const(24)
_PRODUCT_SHIFT = const(25)


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    scale = pair(graph, inputs, output, record, graph.activated(options, 0))
    factor = tables.factor_for(graph, 16, record[_IN_SCALE], record[_OUT_SCALE], scale)
    record[_PRODUCT_MULTIPLIER], record[_PRODUCT_SHIFT] = factor
