# SPDX-License-Identifier: MIT
"""DEPTHWISE_CONV_2D; with dilation it is a general convolution (loading/general_convolution.py)."""

from micropython import const

from .conv_2d import weights

KERNEL = "depthwise_conv_2d"
INPUTS = 1
NEEDS = 2, 3
OPTIONS = 2
STREAMS = True
OVERLAP = "same"

# Words of a layer's record (record.toml).
_OUT_H = const(9)
_OUT_W = const(10)
_OUT_C = const(11)
_K_H = const(12)
_K_W = const(13)
_S_W = const(15)
_DEPTH_MULTIPLIER = const(28)


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    shape_in, shape_out, filters = graph.image(inputs[0]), graph.image(output), graph.shape(inputs[1])
    if len(filters) != 4 or filters[0] != 1 or filters[3] != shape_out[2] or shape_out[2] % shape_in[2]:
        graph.malformed("weights %s for %s to %s" % (filters, shape_in, shape_out))
    record[_DEPTH_MULTIPLIER] = shape_out[2] // shape_in[2]
    if graph.option(options, 3, 4) != record[_DEPTH_MULTIPLIER]:
        graph.malformed("depth multiplier %d" % graph.option(options, 3, 4))
    graph.fill(record, inputs[0], shape_in, output, shape_out, graph.activated(options, 4))
    stride = graph.option(options, 2, 4), graph.option(options, 1, 4)
    dilation = graph.option(options, 6, 4, 1), graph.option(options, 5, 4, 1)
    padding = graph.option(options, 0, 1)
    weights(graph, inputs, record, 3)
    if dilation != (1, 1):
        from ..loading import general_convolution as general

        general.window(graph, record, padding, filters[1:3], stride, dilation, 1)
        return general
    graph.window(record, padding, filters[1:3], stride)


def scratch(record, whole):
    """Returns the bytes of scratch: table, rotated weights, gathered columns."""
    height = record[_K_H]
    words = (height * record[_K_W] + 8) // 9 * 9
    columns = (record[_OUT_W] - 1) * record[_S_W] + record[_K_W]
    return 12 * record[_OUT_C] + 4 * height * words + columns * height + 8


def piece(record):
    """Returns the bytes of the model needed at once: all weights, or all biases."""
    return record[_OUT_C] * max(record[_K_H] * record[_K_W], 4)


def macs(record):
    """Returns the MACs of one inference."""
    return record[_OUT_H] * record[_OUT_W] * record[_OUT_C] * record[_K_H] * record[_K_W]
