# SPDX-License-Identifier: MIT
"""gemmlowp's fixed-point exponential and reciprocal, for tables that are made while a model is loaded.

kernels/softmax.py has the same in viper.
"""

from ..quantization import high


def _divide(x, exponent):
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
    x4 = _divide(high(x2, x2), 2)
    result = 1895147668 + high(1895147668, x + _divide(high(x4 + x3, 715827883) + x2, 1))
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
