# SPDX-License-Identifier: MIT
"""PADV2: surrounds a tensor with rows, columns and channels of a constant."""

from micropython import const

from . import pad
from .pad import INPUTS, KERNEL, OVERLAP, STREAMS, scratch  # noqa: F401

NEEDS = 3, 3
OPTIONS = 43

# Words of a layer's record (record.toml).
_FILLER = const(29)


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    pad.amounts(graph, inputs, output, record)
    if graph.elements(inputs[2]) != 1:
        graph.malformed("%d values to pad with, expected 1" % graph.elements(inputs[2]))
    if graph.scale(inputs[2]) != graph.scale(output):
        graph.unquantized("the value to pad with has another quantization than the output")
    record[_FILLER] = graph.data.scalar_at(graph.constant(inputs[2]), 1)
