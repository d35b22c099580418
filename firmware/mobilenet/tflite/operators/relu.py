# SPDX-License-Identifier: MIT
"""RELU that is not fused into the layer before it."""

from micropython import const

from ..loading import tables
from ..loading.scales import ratio
from ..loading.tables import INPUTS, KERNEL, NEEDS, OVERLAP, STREAMS, scratch  # noqa: F401

OPTIONS = 0

# Words of a layer's record (record.toml).
_OUT_ZERO = const(19)
_IN_SCALE = const(22)
_OUT_SCALE = const(23)

_RELU = const(1)  # in the schema


def prepare(graph, options, inputs, output, record, activation=_RELU):
    """Checks the operator and fills its record."""
    tables.prepare(graph, inputs, output, record, activation)
    scale = tables.factor_for(graph, 8, ratio(record[_IN_SCALE], record[_OUT_SCALE]))
    tables.fill(record, lambda x: tables.rescaled(x, scale) + record[_OUT_ZERO])
