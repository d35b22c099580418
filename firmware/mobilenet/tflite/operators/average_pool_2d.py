# SPDX-License-Identifier: MIT
"""AVERAGE_POOL_2D with any window."""

from micropython import const

KERNEL = "average_pool_2d"
INPUTS = 1
NEEDS = 1, 1
OPTIONS = 5
STREAMS = True
OVERLAP = "never"

# Words of a layer's record (record.toml).
_IN_ZERO = const(18)
_OUT_ZERO = const(19)
_IN_SCALE = const(22)
_OUT_SCALE = const(23)
_HALF_UP = const(24)

_INT8 = const(2)  # version that introduced int8


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    shape_in, shape_out = graph.image(inputs[0]), graph.image(output)
    if shape_in[2] != shape_out[2]:
        graph.malformed("%s to %s" % (shape_in, shape_out))
    graph.fill(record, inputs[0], shape_in, output, shape_out, graph.activated(options, 5))
    if record[_IN_ZERO] != record[_OUT_ZERO] or record[_IN_SCALE] != record[_OUT_SCALE]:
        graph.unquantized("input and output have different quantization")
    stride = graph.option(options, 2, 4), graph.option(options, 1, 4)
    kernel = graph.option(options, 4, 4), graph.option(options, 3, 4)
    graph.window(record, graph.option(options, 0, 1), kernel, stride)
    record[_HALF_UP] = 1 if graph.version < _INT8 else 0


def scratch(record, whole):
    """Returns the bytes of scratch."""
    return 0
