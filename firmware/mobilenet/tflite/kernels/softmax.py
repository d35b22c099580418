# SPDX-License-Identifier: MIT
"""SOFTMAX in gemmlowp's fixed-point arithmetic: exp of each difference to the maximum, divided by their sum.

A difference has 26 fractional bits, an exponential 31, the sum 19.
"""

from micropython import const

from ..quantization import high

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


def divide(x, exponent):
    """Returns x / 2**exponent, rounded half away from zero."""
    return ((x + (-1 if x < 0 else 0) >> exponent - 1) + 1) >> 1 if exponent else x


def exp(a, exponent):
    """Returns exp(a) with 31 fractional bits for a <= 0 with 26 or 27.

    Multiples of 1/4 are products of powers from a table, the remainder is a polynomial.
    """
    if not a:
        return 0x7FFFFFFF
    bit = 1 << exponent - 2
    quarter = (a & bit - 1) - bit
    rest = quarter - a
    x = (quarter << 31 - exponent) + 0x10000000
    x2 = high(x, x)
    x3 = high(x2, x)
    x4 = divide(high(x2, x2), 2)
    result = 1895147668 + high(1895147668, x + divide(high(x4 + x3, 715827883) + x2, 1))
    for power in (
        1672461947,
        1302514674,
        790015084,
        290630308,
        39332535,
        720401,
        242,
    ):  # exp(-1/4), exp(-1/2) …
        if rest & bit:
            result = high(result, power)
        bit <<= 1
    return result


def reciprocal(a):
    """Returns 2 / (1 + a) with 29 fractional bits for 0 <= a < 1 with 31: three Newton steps."""
    half = (a + 0x80000000) >> 1
    x = 1515870810 + high(half, -1010580540)
    for _ in range(3):
        x += high(x, 0x20000000 - high(half, x)) << 2
    return x
