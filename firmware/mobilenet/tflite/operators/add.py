# SPDX-License-Identifier: MIT
"""ADD of two tensors, of which the second may be constant, and may repeat: a channel vector, or a number.

`pair` does for SUB, MUL and PRELU what they share with it.
"""

from array import array

from micropython import const

from ..quantization import fill

KERNEL = "add"
INPUTS = 0
NEEDS = 2, 2
OPTIONS = 11
STREAMS = False
OVERLAP = "below"

# Words of a layer's record (record.toml).
_COUNT = const(12)
_CONSTANT = const(13)
_SUBTRACTED = const(14)
_IN_SCALE = const(22)
_OUT_SCALE = const(23)
_SUM_MULTIPLIER = const(24)
_SUM_SHIFT = const(25)
_MULTIPLIER_1 = const(26)
_SHIFT_1 = const(27)
_MULTIPLIER_2 = const(28)
_SHIFT_2 = const(29)
_ZERO_2 = const(30)


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    scale = pair(graph, inputs, output, record, graph.activated(options, 0))
    record[_SUBTRACTED] = 0
    total(graph, record, scale, _factor)


def pair(graph, inputs, output, record, activation):
    """Fills the record of an operator of two tensors, except for factors; returns the second one's scale.

    `inputs` is reversed if the first one is constant or repeats, and `subtracted` is 1 then, 2 otherwise.
    """
    sizes = [graph.elements(tensor) for tensor in inputs]
    record[_SUBTRACTED] = 2
    if sizes[0] < sizes[1] or (sizes[0] == sizes[1] and inputs[0] not in graph.known):
        inputs[:] = inputs[1], inputs[0]
        record[_SUBTRACTED] = 1
    shape, other = [graph.shape(tensor) for tensor in inputs]
    kept = other
    while kept and kept[0] == 1:
        kept = kept[1:]
    if graph.shape(output) != shape or shape[len(shape) - len(kept) :] != kept:
        graph.unsupported("%s with %s to %s" % (shape, other, graph.shape(output)))
    if inputs[0] not in graph.known:
        graph.unsupported("a constant of %s with a tensor of %s" % (shape, other))
    shape = graph.volume(output)
    graph.fill(record, inputs[0], shape, output, shape, activation)
    record[_COUNT] = min(sizes)
    if inputs[1] not in graph.known:
        record[_CONSTANT] = graph.constant(inputs[1])
    scale, record[_ZERO_2] = graph.scale(inputs[1])
    return scale


def total(graph, record, scale, divide):
    """Writes the factors of both inputs and of their sum; `divide` returns that of a quotient of float32."""
    # The common scale is twice the larger one; positive float32 numbers compare like their bits.
    twice = max(record[_IN_SCALE], scale) + (1 << 23)
    if twice >> 23 > 254:
        graph.unquantized("scales exceed float32")
    record[_MULTIPLIER_1], record[_SHIFT_1] = divide(record[_IN_SCALE], twice)
    record[_MULTIPLIER_2], record[_SHIFT_2] = divide(scale, twice)
    multiplier, shift = divide(twice, record[_OUT_SCALE])
    shift -= 20
    record[_SUM_MULTIPLIER], record[_SUM_SHIFT] = (0, 0) if shift < -31 else (multiplier, shift)
    if shift > 0:
        graph.unquantized("the output scale is too small for the inputs'")


def _factor(scale, divisor):
    entry = array("i", (0, 0, 0))
    fill(0, 0, entry, scale.to_bytes(4, "little"), 0, 1, 0x3F800000, divisor)
    return entry[0], entry[1]


def scratch(record, whole):
    """Returns the bytes of scratch: two tables of 256 words."""
    return 2048


def piece(record):
    """Returns the bytes of the model needed at once: the second input, if it is constant."""
    return record[_COUNT] if record[_CONSTANT] else 0


def macs(record):
    """Returns the MACs of one inference: none."""
    return 0
