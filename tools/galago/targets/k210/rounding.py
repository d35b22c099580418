# SPDX-License-Identifier: MIT
"""TensorFlow Lite's rounding, as sums: where each step of a layer's output begins.

    steps = Requantization(factors, biases, zero=0, low=0, high=255).steps(least, most)
    steps.first[channel, n]             # the least sum that gives low + 1 + n or more
    steps.below[channel, n]             # the largest sum that gives less

TFLite multiplies sum + bias by a fixed-point number of 31 bits and rounds twice: to a multiple of 2**-e, half
up, and from there to a whole number, halves away from zero (MultiplyByQuantizedMultiplier). Both are
monotonous, so a layer that gives every step the same first sum gives the same bytes.
"""

from dataclasses import dataclass, replace

import numpy as np

NEVER = 1 << 40  # more than any sum
_ONE = 31  # bits of TFLite's multipliers
_EXACT = 22  # the largest shift whose steps are exact in 64 bits; with larger ones hardly a sum is a step
_FAINT = 11  # e of a rounding that moves nothing but exact halves
_LEFT = 20  # bits by which ADD scales its operands up


@dataclass
class Steps:
    """What a layer has to tell apart, per channel; arrays are [channels] or [channels, high - low], int64."""

    factors: np.ndarray  # float64: steps of the output per unit of a sum
    zero: int  # uint8, as low and high
    low: int
    high: int
    least: np.ndarray  # sums that can occur
    most: np.ndarray
    first: np.ndarray  # of steps low + 1 to high; the least sum where all give it, NEVER where none does
    below: np.ndarray  # the largest sum where none gives it, -NEVER where all do
    exponents: np.ndarray  # the e of first roundings that may occur

    @property
    def two_sided(self) -> bool:
        """Whether results lie on both sides of the zero point."""
        return self.low < self.zero < self.high

    @property
    def numbers(self) -> np.ndarray:
        """The steps themselves, uint8 values as int64 [high - low]."""
        return np.arange(self.low + 1, self.high + 1)


@dataclass
class Requantization:
    """Result = zero + (sum + bias) * factor, clipped to low..high; all in uint8. Arrays are [channels]."""

    factors: np.ndarray  # float64
    biases: np.ndarray  # int64
    zero: int
    low: int
    high: int

    def steps(self, least: np.ndarray, most: np.ndarray) -> Steps:
        """For sums (without bias) of least..most, int64 [channels]."""
        first = self._begin(np.arange(self.low + 1, self.high + 1) - self.zero) - self.biases[:, np.newaxis]
        return self._limited(first - 1, first, least, most)

    def _begin(self, numbers: np.ndarray) -> np.ndarray:
        """The least sum with bias whose result, relative to the zero point, is each number or more."""
        multiplier, exponent = (part[:, np.newaxis] for part in fixed_point(self.factors))
        right, left = exponent.clip(0, _EXACT), (-exponent).clip(0, _EXACT)
        # In multiples of 2**-e a number begins at its half; below zero a half belongs to the number before.
        begin = numbers * (1 << right) - (1 << right >> 1) + ((numbers <= 0) & (right > 0))
        exact = -(-((2 * begin - 1) << _ONE - 1) // (multiplier << left))
        tiny = np.ceil((numbers - 0.5) / self.factors[:, np.newaxis]).clip(-NEVER, NEVER)
        return np.where(exponent > _EXACT, tiny.astype(np.int64), exact)

    def _limited(self, below: np.ndarray, first: np.ndarray, least: np.ndarray, most: np.ndarray) -> Steps:
        """Steps of which nothing is asked for sums that cannot occur."""
        low, high = least[:, np.newaxis], most[:, np.newaxis]
        always, never = first <= low, below >= high
        return Steps(
            self.factors,
            self.zero,
            self.low,
            self.high,
            least,
            most,
            np.where(always, low, np.where(never, NEVER, first)),
            np.where(always, -NEVER, np.where(never, high, below)),
            fixed_point(self.factors)[1],
        )


@dataclass
class Listed(Requantization):
    """Of one function for all channels, by its steps: the largest sum below each, and the least in it."""

    below: np.ndarray  # int64 [high - low]
    first: np.ndarray

    def steps(self, least: np.ndarray, most: np.ndarray) -> Steps:
        """For sums of least..most, int64 [channels]."""
        shape = len(self.factors), len(self.below)
        below, first = (np.broadcast_to(part, shape) for part in (self.below, self.first))
        return replace(self._limited(below, first, least, most), exponents=np.array([0, _FAINT]))


def fixed_point(factors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """TFLite's multiplier and right shift of each factor: factor = multiplier / 2**31 / 2**shift; int64."""
    mantissa, exponent = np.frexp(factors)
    multiplier = np.floor(mantissa * 2.0**_ONE + 0.5).astype(np.int64)
    full = multiplier >> _ONE
    return multiplier >> full, -(exponent.astype(np.int64) + full)


def scaled(values: np.ndarray, factor: float) -> np.ndarray:
    """MultiplyByQuantizedMultiplierSmallerThanOneExp: int64 values times a factor below 1, rounded twice."""
    (multiplier,), (right,) = (part.tolist() for part in fixed_point(np.array([factor])))
    high = values * multiplier + (1 << _ONE - 1) >> _ONE
    rest, half = high & (1 << right) - 1, ((1 << right) - 1 >> 1) + (high < 0)
    return (high >> right) + (rest > half)


def added(a: float, b: float, output: float, zeros: tuple[int, int, int]) -> np.ndarray:
    """TFLite's ADD of every pair of bytes, not clipped, int64 [256, 256]; scales and uint8 zero points."""
    twice = 2 * max(a, b)
    left, right = (
        scaled((np.arange(256) - zero) << _LEFT, scale / twice)
        for zero, scale in zip(zeros, (a, b), strict=False)
    )
    return scaled(left[:, np.newaxis] + right, twice / (output * (1 << _LEFT))) + zeros[2]
