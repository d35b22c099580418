# SPDX-License-Identifier: MIT
"""FULLY_CONNECTED, as a 1 x 1 convolution over the rows of the input."""

from micropython import const

from ..loading.scales import product
from . import conv_2d

KERNEL = "conv_2d"
INPUTS = 1
NEEDS = 2, 3
OPTIONS = 8
STREAMS = False
OVERLAP = "rows"
step, scratch, piece, macs = conv_2d.step, conv_2d.scratch, conv_2d.piece, conv_2d.macs

# Words of a layer's record (record.toml).
_IN_SCALE = const(22)
_SCALES = const(26)
_SCALE_STEP = const(27)
_TILE = const(28)


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    filters = graph.shape(inputs[1])
    if len(filters) != 2:
        graph.malformed("weights of rank %d" % len(filters))
    if graph.option(options, 1, 1):
        graph.unsupported("weights format %d" % graph.option(options, 1, 1))
    channels, depth = filters
    batch = graph.elements(inputs[0]) // depth
    if batch * depth != graph.elements(inputs[0]) or graph.shape(output)[-1:] != (channels,):
        graph.malformed("weights %s for %s to %s" % (filters, graph.shape(inputs[0]), graph.shape(output)))
    if graph.elements(output) != batch * channels:
        graph.malformed("%d outputs, expected %d" % (graph.elements(output), batch * channels))
    shape_in, shape_out = (1, batch, depth), (1, batch, channels)
    graph.fill(record, inputs[0], shape_in, output, shape_out, graph.activated(options, 0))
    graph.window(record, 1, (1, 1), (1, 1))
    conv_2d.weights(graph, inputs, record, 0)
    if record[_SCALES] and not record[_SCALE_STEP]:
        # TFLM multiplies a single scale with the input's in float32, not in double.
        record[_IN_SCALE] = product(record[_IN_SCALE], graph.scale(inputs[1])[0])
        record[_SCALES] = 0
    record[_TILE] = conv_2d.step(record)
