# SPDX-License-Identifier: MIT
"""CONV_2D; with dilation or in groups it is a general convolution (loading/general_convolution.py)."""

from micropython import const

from ..loading.scales import product

KERNEL = "conv_2d"
INPUTS = 1
NEEDS = 2, 3
OPTIONS = 1
STREAMS = True
OVERLAP = "rows"

# Words of a layer's record (record.toml).
_IN_C = const(8)
_OUT_H = const(9)
_OUT_W = const(10)
_OUT_C = const(11)
_K_H = const(12)
_K_W = const(13)
_IN_SCALE = const(22)
_WEIGHTS = const(24)
_BIAS = const(25)
_SCALES = const(26)
_SCALE_STEP = const(27)
_TILE = const(28)
_WEIGHT_OFFSET = const(29)

_INT8 = const(3)  # version of CONV_2D and DEPTHWISE_CONV_2D that introduced int8; uint8 has earlier ones

# A tile has about _PIXELS output pixels, or up to three times as many if their windows fit _WINDOWS bytes.
_PIXELS = const(48)
_WINDOWS = const(2048)


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    shape_in, shape_out, filters = graph.image(inputs[0]), graph.image(output), graph.shape(inputs[1])
    if len(filters) != 4 or filters[0] != shape_out[2] or shape_in[2] % filters[3]:
        graph.malformed("weights %s for %s to %s" % (filters, shape_in, shape_out))
    graph.fill(record, inputs[0], shape_in, output, shape_out, graph.activated(options, 3))
    stride = graph.option(options, 2, 4), graph.option(options, 1, 4)
    dilation = graph.option(options, 5, 4, 1), graph.option(options, 4, 4, 1)
    padding = graph.option(options, 0, 1)
    weights(graph, inputs, record, 0)
    if dilation != (1, 1) or filters[3] != shape_in[2]:
        if shape_out[2] % (shape_in[2] // filters[3]):
            graph.malformed("weights %s for %s to %s" % (filters, shape_in, shape_out))
        from ..loading import general_convolution as general

        general.window(graph, record, padding, filters[1:3], stride, dilation, filters[3])
        return general
    graph.window(record, padding, filters[1:3], stride)
    record[_TILE] = step(record)


def weights(graph, inputs, record, axis):
    """Writes the positions of weights, bias and scales; `axis` is that of the output channels.

    In a model that was uint8, TensorFlow Lite multiplies the scales of input and weights in float32.
    """
    channels = record[_OUT_C]
    record[_WEIGHTS] = graph.constant(inputs[1])
    record[_BIAS] = graph.bias(inputs, channels)
    record[_SCALES], record[_SCALE_STEP], zero = graph.channel_scales(inputs[1], channels, axis, record)
    record[_WEIGHT_OFFSET] = 128 + zero
    if not record[_SCALE_STEP] and (zero or graph.version < _INT8):
        record[_IN_SCALE] = product(record[_IN_SCALE], graph.scale(inputs[1])[0])
        record[_SCALES] = 0


def step(record):
    """Returns the output rows of a tile: dozens of pixels, so that loading weights costs little."""
    width = record[_OUT_W]
    window = record[_K_H] * record[_K_W] * record[_IN_C]
    rows = max(_PIXELS // width, min(3 * _PIXELS // width, _WINDOWS // (width * window)))
    return max(1, min(record[_OUT_H], rows))


def scratch(record, whole):
    """Returns the bytes of scratch: table, last taps, accumulators and windows of a tile or of a row."""
    window = record[_K_H] * record[_K_W] * record[_IN_C]
    pixels = (record[_TILE] if whole else 1) * record[_OUT_W]
    return 12 * record[_OUT_C] + 32 + 4 * pixels + pixels * window + 32


def piece(record):
    """Returns the bytes of the model needed at once: the weights of a channel, or all biases."""
    return max(record[_K_H] * record[_K_W] * record[_IN_C], 4 * record[_OUT_C])


def macs(record):
    """Returns the MACs of one inference."""
    return record[_OUT_H] * record[_OUT_W] * record[_OUT_C] * record[_K_H] * record[_K_W] * record[_IN_C]
