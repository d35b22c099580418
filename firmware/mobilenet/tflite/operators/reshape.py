# SPDX-License-Identifier: MIT
"""RESHAPE, which leaves the bytes and their order unchanged."""

KERNEL = "reshape"
INPUTS = 1
NEEDS = 1, 2
OPTIONS = 17
STREAMS = False
OVERLAP = "below"


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    count = graph.elements(output)
    if graph.elements(inputs[0]) != count:
        graph.malformed("%d elements reshaped to %d" % (graph.elements(inputs[0]), count))
    graph.fill(record, inputs[0], (1, 1, count), output, (1, 1, count), 0)
    graph.window(record, 1, (1, 1), (1, 1))


def scratch(record, whole):
    """Returns the bytes of scratch."""
    return 0
