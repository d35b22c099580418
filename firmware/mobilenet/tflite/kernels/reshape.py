# SPDX-License-Identifier: MIT
"""RESHAPE, which leaves the bytes and their order unchanged."""

from micropython import const

# Words of a layer's record (record.toml).
_INPUT = const(0)
_OUTPUT = const(2)
_OUT_C = const(11)


def run(net, at, first, last):
    """Copies the bytes, unless output and input have the same offset."""
    source, target, count = net.plan[at + _INPUT], net.plan[at + _OUTPUT], net.plan[at + _OUT_C]
    if source != target:
        view = memoryview(net.arena)
        view[target : target + count] = view[source : source + count]
