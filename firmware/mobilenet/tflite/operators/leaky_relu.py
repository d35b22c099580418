# SPDX-License-Identifier: MIT
"""LEAKY_RELU with a slope of 0 or more for negative inputs."""

from micropython import const

from ..loading import tables
from ..loading.scales import product, ratio
from ..loading.tables import INPUTS, KERNEL, NEEDS, OVERLAP, STREAMS, scratch  # noqa: F401

OPTIONS = 75

# Words of a layer's record (record.toml).
_OUT_ZERO = const(19)
_IN_SCALE = const(22)
_OUT_SCALE = const(23)


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    tables.prepare(graph, inputs, output, record)
    alpha = graph.option(options, 0, 4)
    if alpha and not 1 <= alpha >> 23 <= 254:
        graph.unsupported("a slope that is negative or not a normal float32")
    scale_in, scale_out, zero = record[_IN_SCALE], record[_OUT_SCALE], record[_OUT_ZERO]
    positive = tables.factor_for(graph, 8, ratio(scale_in, scale_out))
    negative = 0, 0
    if alpha:
        negative = tables.factor_for(graph, 8, ratio(product(scale_in, alpha), scale_out))
    tables.fill(record, lambda x: tables.rescaled(x, positive if x >= 0 else negative) + zero)
