# SPDX-License-Identifier: MIT
"""What RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR share: the check of shapes and options."""

INPUTS = 1
NEEDS = 2, 2
STREAMS = False
OVERLAP = "never"


def prepare(graph, options, first, inputs, output, record):
    """Fills the record; returns shapes and options, of which `first` is the number of the first.

    The result is (height, width, channels) of input and of output, align_corners, half_pixel_centers.
    """
    shape_in, shape_out = graph.image(inputs[0]), graph.image(output)
    size = graph.integers(inputs[1])
    if tuple(size) != shape_out[:2] or shape_in[2] != shape_out[2]:
        graph.malformed("%s resized to %s as %s" % (shape_in, size, shape_out))
    if graph.scale(inputs[0]) != graph.scale(output):
        graph.unquantized("input and output have different quantization")
    aligned, centers = [graph.option(options, first + i, 1) for i in range(2)]
    if max(aligned, centers) > 1 or (aligned and centers):
        graph.unsupported("align_corners %d with half_pixel_centers %d" % (aligned, centers))
    graph.fill(record, inputs[0], shape_in, output, shape_out, 0)
    return shape_in, shape_out, aligned, centers


def scratch(record, whole):
    """Returns the bytes of scratch."""
    return 0
