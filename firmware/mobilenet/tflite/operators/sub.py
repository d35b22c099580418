# SPDX-License-Identifier: MIT
"""SUB of two tensors, of which one may be constant or repeat: ADD with a subtracted input."""

from ..loading import tables
from ..loading.scales import ratio
from . import add
from .add import INPUTS, KERNEL, NEEDS, OVERLAP, STREAMS, macs, piece, scratch  # noqa: F401

OPTIONS = 28


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    scale = add.pair(graph, inputs, output, record, graph.activated(options, 0))
    # Other than for ADD, TFLM divides in float32.
    add.total(graph, record, scale, lambda a, d: tables.factor(ratio(a, d)))
