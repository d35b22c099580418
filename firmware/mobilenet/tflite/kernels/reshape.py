# SPDX-License-Identifier: MIT
"""RESHAPE: the same bytes in the same order."""

from micropython import const

# Words of a layer's record (loading/graph.py).
_INPUT = const(0)
_OUTPUT = const(2)
_OUT_C = const(11)


def run(net, at, first, last):
    """Copies, unless the planner laid the output on the input."""
    source, target, count = net.plan[at + _INPUT], net.plan[at + _OUTPUT], net.plan[at + _OUT_C]
    if source != target:
        view = memoryview(net.arena)
        view[target : target + count] = view[source : source + count]
