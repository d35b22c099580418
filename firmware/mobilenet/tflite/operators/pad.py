# SPDX-License-Identifier: MIT
"""PAD: surrounds a tensor with rows, columns and channels of the output's zero point."""

from micropython import const

KERNEL = "pad"
INPUTS = 1
NEEDS = 2, 2
OPTIONS = 22
STREAMS = True
OVERLAP = "never"

# Words of a layer's record (record.toml).
_K_H = const(12)
_K_W = const(13)
_S_H = const(14)
_S_W = const(15)
_P_T = const(16)
_P_L = const(17)
_OUT_ZERO = const(19)
_FRONT = const(28)
_FILLER = const(29)


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    amounts(graph, inputs, output, record)


def amounts(graph, inputs, output, record):
    """Fills the record of an operator that pads; returns the rows, columns and channels before and after."""
    shape_in, shape_out = graph.image(inputs[0]), graph.image(output)
    pads = graph.integers(inputs[1])
    if len(pads) != 8 or min(pads) < 0 or max(pads) > 1 << 24 or pads[0] or pads[1]:
        graph.unsupported("paddings %s" % pads)
    for i in range(3):
        if shape_in[i] + pads[2 * i + 2] + pads[2 * i + 3] != shape_out[i]:
            graph.malformed("paddings %s from %s to %s" % (pads, shape_in, shape_out))
    graph.fill(record, inputs[0], shape_in, output, shape_out, 0)
    record[_K_H] = record[_K_W] = record[_S_H] = record[_S_W] = 1
    record[_P_T], record[_P_L], record[_FRONT] = pads[2], pads[4], pads[6]
    record[_FILLER] = record[_OUT_ZERO]
    return pads[2:]


def scratch(record, whole):
    """Returns the bytes of scratch."""
    return 0
