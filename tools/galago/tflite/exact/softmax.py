# SPDX-License-Identifier: MIT
"""SOFTMAX over the last dimension in gemmlowp's fixed-point arithmetic.

A difference to the largest input has 26 fractional bits, an exponential 31, the sum 19.
Source: Softmax in tensorflow/lite/kernels/internal/reference/softmax.h,
exp_on_negative_values and one_over_one_plus_x_for_x_in_0_1 in gemmlowp/fixedpoint/fixedpoint.h.
"""

import numpy as np

from galago.tflite.exact.layer import Int8, Integers, Layer
from galago.tflite.exact.rounding import divided, high

_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
"""exp(-1/4), exp(-1/2), exp(-1) … exp(-16) with 31 fractional bits."""
_LARGEST = (1 << 31) - 1


def run(layer: Layer, inputs: list[Int8]) -> Int8:
    """The outputs, int8 [rows, values]."""
    record = layer.record
    rows = inputs[0].reshape(-1, record.in_c).astype(np.int64)
    differences = rows.max(1, keepdims=True) - rows
    table = _exponentials(record.multiplier, record.shift)
    exponentials = table[differences]
    totals = (((exponentials >> 11) + 1) >> 1).sum(1)
    outputs = [_quotients(row, int(total)) for row, total in zip(exponentials, totals, strict=True)]
    return (np.array(outputs) - 128).astype(np.int8)


def _exponentials(multiplier: int, shift: int) -> Integers:
    """The exponential of each difference from 0 to 255; 0 for those that do not count."""
    difference = np.arange(256)
    counts = difference <= (31 << 26) >> shift
    a = high(-(np.where(counts, difference, 0) << shift), multiplier)
    # Multiples of 1/4 are products of powers from a table, the remainder is a polynomial.
    quarter = (a & (1 << 24) - 1) - (1 << 24)
    rest = quarter - a
    x = (quarter << 5) + (1 << 28)
    square = high(x, x)
    cube = high(square, x)
    fourth = divided(high(square, square), 2)
    inner = divided(high(fourth + cube, 715827883) + square, 1)  # 1/3
    result = 1895147668 + high(1895147668, x + inner)  # exp(-1/8)
    for bit, power in enumerate(_POWERS):
        result = np.where(rest >> 24 + bit & 1, high(result, power), result)
    return np.where(counts, np.where(a == 0, _LARGEST, result), 0)


def _quotients(exponentials: Integers, total: int) -> Integers:
    """The exponentials over their sum, 0 to 255."""
    headroom = 32 - total.bit_length()
    half = ((total - (1 << 31 - headroom)) << headroom >> 1) + (1 << 30)
    x = 1515870810 + int(high(half, -1010580540))  # 48/17 and 32/17, then three Newton steps
    for _ in range(3):
        x += int(high(x, (1 << 29) - int(high(half, x)))) << 2
    inverse = min(x << 1, _LARGEST)
    shift = 34 - headroom
    if shift > 30:
        return np.zeros_like(exponentials)
    return np.minimum(((high(exponentials, inverse) >> shift) + 1) >> 1, 255)
