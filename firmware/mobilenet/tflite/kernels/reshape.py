# SPDX-License-Identifier: MIT
"""RESHAPE: the same bytes in the same order."""

from micropython import const

INPUTS = 1
NEEDS = 1, 2
OPTIONS = 17
STREAMS = False
OVERLAP = "below"

_INPUT = const(0)
_OUTPUT = const(2)
_OUT_C = const(11)


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    count = graph.elements(output)
    if graph.elements(inputs[0]) != count:
        graph.malformed("%d elements to %d" % (graph.elements(inputs[0]), count))
    graph.fill(record, inputs[0], (1, 1, count), output, (1, 1, count), 0)
    graph.window(record, 1, (1, 1), (1, 1))


def scratch(record, whole):
    """Bytes of scratch."""
    return 0


def run(net, at, first, last):
    """Copies, unless the planner laid the output on the input."""
    source, target, count = net.plan[at + _INPUT], net.plan[at + _OUTPUT], net.plan[at + _OUT_C]
    if source != target:
        view = memoryview(net.arena)
        view[target : target + count] = view[source : source + count]
