# SPDX-License-Identifier: MIT
"""Fixed-point products as TensorFlow Lite rounds them, on whole arrays.

    multiplier, shift = record.multiplier, record.shift
    rescaled(sums, multiplier, shift)           # sums * multiplier / 2**31 * 2**shift

Source: MultiplyByQuantizedMultiplier in tensorflow/lite/kernels/internal/common.h and
SaturatingRoundingDoublingHighMul in gemmlowp/fixedpoint/fixedpoint.h, whose saturation never applies here.
"""

import numpy as np
from numpy.typing import ArrayLike

from galago.tflite.exact.layer import Integers


def rescaled(values: ArrayLike, multiplier: ArrayLike, shift: ArrayLike) -> Integers:
    """int64 of the broadcast shape: values times factors, rounded twice. Values are taken modulo 2**32."""
    multiplier, shift = np.asarray(multiplier, np.int64), np.asarray(shift, np.int64)
    left = word(np.asarray(values, np.int64) << np.maximum(shift, 0))
    return divided(high(left, multiplier), np.maximum(-shift, 0))


def high(a: ArrayLike, b: ArrayLike) -> Integers:
    """(a * b + 2**30) >> 31 of numbers of 32 bits: their product, rounded half up."""
    return (np.asarray(a, np.int64) * np.asarray(b, np.int64) + (1 << 30)) >> 31


def divided(values: ArrayLike, exponent: ArrayLike) -> Integers:
    """Values / 2**exponent, rounded half away from zero, for exponents up to 31."""
    values, exponent = np.asarray(values, np.int64), np.asarray(exponent, np.int64)
    halves = (values - (values < 0)) >> np.maximum(exponent - 1, 0)
    return np.where(exponent > 0, (halves + 1) >> 1, values)


def word(values: ArrayLike) -> Integers:
    """Integers modulo 2**32, from -2**31 to 2**31 - 1."""
    return np.asarray(values, np.int64).astype(np.int32).astype(np.int64)
