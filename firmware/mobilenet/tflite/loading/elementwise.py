# SPDX-License-Identifier: MIT
"""Operators of two tensors; the second may be constant, and may repeat: a channel vector, or a number.

    scale_2, swapped = elementwise.prepare(graph, inputs, output, record, activation)

The first input has the output's shape: `inputs` is put into that order.
"""

from micropython import const

INPUTS = 0
NEEDS = 2, 2
STREAMS = False
OVERLAP = "below"

# Words of a layer's record (record.toml).
_COUNT = const(12)
_CONSTANT = const(13)
_ZERO_2 = const(30)


def prepare(graph, inputs, output, record, activation):
    """Fills a record except for factors; returns the second input's scale, and whether it was the first."""
    swapped = graph.elements(inputs[0]) < graph.elements(inputs[1]) or (
        inputs[0] not in graph.known and graph.elements(inputs[0]) == graph.elements(inputs[1])
    )
    if swapped:
        inputs.reverse()
    first, second = inputs
    shape, repeated = graph.shape(first), graph.shape(second)
    if first not in graph.known:
        graph.unsupported("a constant of %s with a tensor of %s" % (shape, repeated))
    if not _repeats(repeated, shape) or graph.shape(output) != shape:
        graph.unsupported("%s with %s to %s" % (shape, repeated, graph.shape(output)))
    volume = graph.volume(output)
    graph.fill(record, first, volume, output, volume, activation)
    record[_COUNT] = graph.elements(second)
    if second not in graph.known:
        record[_CONSTANT] = graph.constant(second)
    scale, record[_ZERO_2] = graph.scale(second)
    return scale, swapped


def _repeats(part, whole):
    """Returns whether the dimensions of `part` are the last ones of `whole`, apart from leading ones."""
    while part and part[0] == 1:
        part = part[1:]
    return part == whole[len(whole) - len(part) :]


def piece(record):
    """Returns the bytes of the model needed at once: the second input, if it is constant."""
    return record[_COUNT] if record[_CONSTANT] else 0


def macs(record):
    """Returns the MACs of one inference: none."""
    return 0
