# SPDX-License-Identifier: MIT
"""TRANSPOSE that only moves dimensions of 1, and so leaves the order of the bytes unchanged."""

from . import reshape
from .reshape import INPUTS, KERNEL, OVERLAP, STREAMS, scratch  # noqa: F401

NEEDS = 2, 2
OPTIONS = 26


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    shape, order = graph.shape(inputs[0]), graph.integers(inputs[1])
    if sorted(order) != list(range(len(shape))) or graph.shape(output) != tuple([shape[i] for i in order]):
        graph.malformed("%s to %s in the order %s" % (shape, graph.shape(output), order))
    kept = [i for i in order if shape[i] > 1]
    if kept != sorted(kept):
        graph.unsupported("the order %s of %s" % (order, shape))
    reshape.prepare(graph, options, inputs, output, record)
