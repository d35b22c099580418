# SPDX-License-Identifier: MIT
"""REDUCE_MAX over height and width: MAX_POOL_2D with a window as large as the input."""

from .max_pool_2d import INPUTS, KERNEL, OVERLAP, STREAMS, scratch  # noqa: F401
from .mean import NEEDS, OPTIONS, window  # noqa: F401


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    window(graph, options, inputs, output, record)
    if graph.scale(inputs[0]) != graph.scale(output):
        graph.unquantized("input and output have different quantization")
