# SPDX-License-Identifier: MIT
"""SOFTMAX in gemmlowp's fixed-point arithmetic: exp of each difference to the maximum, divided by their sum.

A difference has 26 fractional bits, an exponential 31, the sum 19.
"""

from micropython import const

from ..exponential import exp, reciprocal
from ..quantization import divide, high

# Words of a layer's record (record.toml).
_INPUT = const(0)
_OUTPUT = const(2)
_IN_W = const(7)
_IN_C = const(8)
_MULTIPLIER = const(28)
_SHIFT = const(29)
_CUTOFF = const(30)


def run(net, at, first, last):
    """Computes the output of the layer whose record starts at net.plan[at]."""
    plan = net.plan
    source, target, depth = plan[at + _INPUT], plan[at + _OUTPUT], plan[at + _IN_C]
    for _ in range(plan[at + _IN_W]):
        _row(net.arena, source, target, depth, plan[at + _MULTIPLIER], plan[at + _SHIFT], plan[at + _CUTOFF])
        source += depth
        target += depth


def _row(arena, source, target, depth, multiplier, shift, lowest):
    # With the top bit inverted, bytes compare like int8.
    highest = max([arena[source + i] ^ 128 for i in range(depth)])
    exponentials = {}
    total = 0
    for i in range(depth):
        difference = (arena[source + i] ^ 128) - highest
        if difference >= lowest:
            if difference not in exponentials:
                exponentials[difference] = exp(high(difference << shift, multiplier), 26)
            total += divide(exponentials[difference], 12)
    headroom = 0
    while not total << headroom & 0x80000000:
        headroom += 1
    scale = min(reciprocal((total << headroom) - 0x80000000) << 1, 0x7FFFFFFF)
    exponent = 12 - headroom + 31 - 8
    for difference in exponentials:
        value = divide(high(scale, exponentials[difference]), exponent)
        exponentials[difference] = min(value, 255) - 128 & 255
    for i in range(depth):
        arena[target + i] = exponentials.get((arena[source + i] ^ 128) - highest, 128)
