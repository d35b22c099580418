# SPDX-License-Identifier: MIT
"""CONV_2D in groups, and CONV_2D or DEPTHWISE_CONV_2D with dilation: a simpler kernel computes them."""

from micropython import const

KERNEL = "general_convolution"
STREAMS = False
OVERLAP = "never"

# Words of a layer's record (record.toml).
_OUT_H = const(9)
_OUT_W = const(10)
_OUT_C = const(11)
_K_H = const(12)
_K_W = const(13)
_DILATION = const(28)
_GROUP_DEPTH = const(30)
_OPERATOR = const(31)

_DEPTHWISE = const(4)  # in the schema


def window(graph, record, padding, kernel, stride, dilation, depth):
    """Writes the window; `depth` is the number of input channels of each output channel."""
    for n in dilation:
        if not 0 < n < 1 << 15:
            graph.malformed("dilation %d" % n)
    reach = [(kernel[i] - 1) * dilation[i] + 1 for i in range(2)]
    graph.window(record, padding, reach, stride)
    record[_K_H], record[_K_W] = kernel
    record[_DILATION], record[_GROUP_DEPTH] = dilation[0] << 16 | dilation[1], depth


def scratch(record, whole):
    """Returns the bytes of scratch: the table."""
    return 12 * record[_OUT_C]


def piece(record):
    """Returns the bytes of the model needed at once: the weights of a channel, or all, or all biases."""
    taps = record[_K_H] * record[_K_W] * record[_GROUP_DEPTH]
    return max(taps * record[_OUT_C] if record[_OPERATOR] == _DEPTHWISE else taps, 4 * record[_OUT_C])


def macs(record):
    """Returns the MACs of one inference."""
    taps = record[_K_H] * record[_K_W] * record[_GROUP_DEPTH]
    return record[_OUT_H] * record[_OUT_W] * record[_OUT_C] * taps
