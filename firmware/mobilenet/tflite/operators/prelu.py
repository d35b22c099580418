# SPDX-License-Identifier: MIT
"""PRELU with a constant slope for each channel, or for each element, of negative inputs."""

from micropython import const

from ..loading import tables
from ..loading.tables import scratch  # noqa: F401
from .add import NEEDS, OVERLAP, STREAMS, macs, pair, piece  # noqa: F401

KERNEL = "prelu"
INPUTS = 1
OPTIONS = 0

# Words of a layer's record (record.toml).
_IN_SCALE = const(22)
_OUT_SCALE = const(23)
_PRODUCT_MULTIPLIER = const(24)
_PRODUCT_SHIFT = const(25)
_OTHER_MULTIPLIER = const(26)
_OTHER_SHIFT = const(27)


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    source = inputs[0]
    scale = pair(graph, inputs, output, record, 0)
    if inputs[0] != source:
        graph.unsupported("a slope larger than the input")
    factor = tables.factor_for(graph, 16, record[_IN_SCALE], record[_OUT_SCALE], scale)
    record[_PRODUCT_MULTIPLIER], record[_PRODUCT_SHIFT] = factor
    factor = tables.factor_for(graph, 8, record[_IN_SCALE], record[_OUT_SCALE])
    record[_OTHER_MULTIPLIER], record[_OTHER_SHIFT] = factor
