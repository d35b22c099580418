# SPDX-License-Identifier: MIT
"""CONCATENATION of tensors with one quantization along any axis."""

from array import array

from micropython import const

KERNEL = "concatenation"
INPUTS = 1
NEEDS = 1, 10
OPTIONS = 10
STREAMS = False
OVERLAP = "never"

# Words of a layer's record (record.toml).
_INPUTS = const(24)
_PIECES = const(25)


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    whole = graph.shape(output)
    axis = graph.option(options, 0, 4)
    if axis >> 31:
        axis += len(whole) - (1 << 32)
    if not 0 <= axis < len(whole):
        graph.malformed("axis %d of %s" % (axis, whole))
    if graph.option(options, 1, 1):
        graph.unsupported("fused activation %d" % graph.option(options, 1, 1))
    pieces = 1
    for n in whole[:axis]:
        pieces *= n
    sizes = []
    length = 0
    for tensor in inputs:
        graph.source(tensor)
        shape = graph.shape(tensor)
        if graph.scale(tensor) != graph.scale(output):
            graph.unquantized("inputs and output have different quantization")
        if len(shape) != len(whole) or shape[:axis] + shape[axis + 1 :] != whole[:axis] + whole[axis + 1 :]:
            graph.malformed("%s in %s along axis %d" % (shape, whole, axis))
        length += shape[axis]
        sizes.append(graph.elements(tensor) // pieces)
    if length != whole[axis]:
        graph.malformed("%d along axis %d of %s" % (length, axis, whole))
    graph.fill(record, inputs[0], graph.volume(inputs[0]), output, graph.volume(output), 0)
    record[_INPUTS], record[_PIECES] = len(inputs), pieces
    record.extend(array("i", [0] * len(inputs) + sizes))  # loading/arena.py writes the offsets


def scratch(record, whole):
    """Returns the bytes of scratch."""
    return 0
