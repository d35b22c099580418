# SPDX-License-Identifier: MIT
"""TensorFlow Lite's rounding as thresholds: the sums at which a layer's output goes up by one.

    thresholds = Requantization(factors, biases, zero_point=0, low=0, high=255).thresholds(least_sum,
    most_sum) thresholds.first[channel, n]        # the least sum whose output is low + 1 + n or more
    thresholds.below[channel, n]        # the largest sum whose output is less

TFLite multiplies sum + bias by a 31-bit fixed-point number and rounds twice: to a multiple of 2**-e, halves
up, and from there to an integer, halves away from zero (MultiplyByQuantizedMultiplier). Both are monotonic,
so a layer with the same thresholds gives the same bytes.
"""

from dataclasses import dataclass, replace

import numpy as np

from galago.tflite.arithmetic import quantize_multiplier

NEVER = 1 << 40  # more than any sum
_MULTIPLIER_BITS = 31
_MAX_EXACT_SHIFT = (
    22  # thresholds are exact in 64 bits up to this shift; above it hardly any sum is a threshold
)
_FAINT = 11  # e of a first rounding that changes only exact halves
_ADD_LEFT_SHIFT = 20  # by which ADD scales its operands up


@dataclass
class Thresholds:
    """The thresholds of each channel; arrays are [channels] or [channels, high - low], int64."""

    factors: np.ndarray  # float64: output steps per unit of a sum
    zero_point: int  # of the output in uint8, as low and high
    low: int
    high: int
    least_sum: np.ndarray  # bounds of the sums that can occur
    most_sum: np.ndarray
    first: np.ndarray  # of outputs low + 1 to high; the least sum if all sums reach one, NEVER if none does
    below: np.ndarray  # the largest sum if no sum reaches it, -NEVER if all do
    exponents: np.ndarray  # the values of e that may occur in the first rounding

    @property
    def two_sided(self) -> bool:
        """Whether outputs lie on both sides of the zero point."""
        return self.low < self.zero_point < self.high

    @property
    def outputs(self) -> np.ndarray:
        """The output at each threshold: uint8 values low + 1 to high as int64 [high - low]."""
        return np.arange(self.low + 1, self.high + 1)


@dataclass
class Requantization:
    """Output = zero point + (sum + bias) * factor, clipped to low..high, in uint8. Arrays are [channels]."""

    factors: np.ndarray  # float64
    biases: np.ndarray  # int64
    zero_point: int
    low: int
    high: int

    def thresholds(self, least_sum: np.ndarray, most_sum: np.ndarray) -> Thresholds:
        """Returns the thresholds for sums (without bias) of least_sum..most_sum, int64 [channels]."""
        outputs = np.arange(self.low + 1, self.high + 1) - self.zero_point
        first = self._first_sum(outputs) - self.biases[:, np.newaxis]
        return self._limited(first - 1, first, least_sum, most_sum)

    def _first_sum(self, outputs: np.ndarray) -> np.ndarray:
        """Returns the least sum with bias for each output less the zero point, int64 [channels, outputs]."""
        multiplier, shift = (part[:, np.newaxis] for part in quantize_multiplier(self.factors))
        right, left = (-shift).clip(0, _MAX_EXACT_SHIFT), shift.clip(0, _MAX_EXACT_SHIFT)
        # In multiples of 2**-e an output begins at its half; below zero a half belongs to the output before.
        begin = outputs * (1 << right) - (1 << right >> 1) + ((outputs <= 0) & (right > 0))
        exact = -(-((2 * begin - 1) << _MULTIPLIER_BITS - 1) // (multiplier << left))
        approximate = np.ceil((outputs - 0.5) / self.factors[:, np.newaxis]).clip(-NEVER, NEVER)
        return np.where(-shift > _MAX_EXACT_SHIFT, approximate.astype(np.int64), exact)

    def _limited(
        self, below: np.ndarray, first: np.ndarray, least_sum: np.ndarray, most_sum: np.ndarray
    ) -> Thresholds:
        """Returns thresholds without requirements on sums that cannot occur."""
        least, most = least_sum[:, np.newaxis], most_sum[:, np.newaxis]
        always, never = first <= least, below >= most
        return Thresholds(
            self.factors,
            self.zero_point,
            self.low,
            self.high,
            least_sum,
            most_sum,
            np.where(always, least, np.where(never, NEVER, first)),
            np.where(always, -NEVER, np.where(never, most, below)),
            -quantize_multiplier(self.factors)[1],
        )


@dataclass
class TabulatedRequantization(Requantization):
    """One function for all channels, given by its thresholds instead of a multiplier."""

    below: np.ndarray  # int64 [high - low]: the largest sum below each threshold
    first: np.ndarray  # int64 [high - low]: the least sum from it on

    def thresholds(self, least_sum: np.ndarray, most_sum: np.ndarray) -> Thresholds:
        """Returns the thresholds for sums of least_sum..most_sum, int64 [channels]."""
        shape = len(self.factors), len(self.below)
        below, first = (np.broadcast_to(part, shape) for part in (self.below, self.first))
        return replace(self._limited(below, first, least_sum, most_sum), exponents=np.array([0, _FAINT]))


def scaled(values: np.ndarray, factor: float) -> np.ndarray:
    """Returns int64 values times a factor below 1 (MultiplyByQuantizedMultiplierSmallerThanOneExp)."""
    multiplier, shift = (int(part) for part in quantize_multiplier(factor))
    right = -shift
    high = values * multiplier + (1 << _MULTIPLIER_BITS - 1) >> _MULTIPLIER_BITS
    rest, half = high & (1 << right) - 1, ((1 << right) - 1 >> 1) + (high < 0)
    return (high >> right) + (rest > half)


def added(a: float, b: float, output: float, zero_points: tuple[int, int, int]) -> np.ndarray:
    """Returns TFLite's ADD for every pair of bytes, not clipped, int64 [256, 256].

    `a`, `b` and `output` are scales; the uint8 zero points are in the same order.
    """
    twice = 2 * max(a, b)
    left, right = (
        scaled((np.arange(256) - zero_point) << _ADD_LEFT_SHIFT, scale / twice)
        for zero_point, scale in zip(zero_points, (a, b), strict=False)
    )
    return scaled(left[:, np.newaxis] + right, twice / (output * (1 << _ADD_LEFT_SHIFT))) + zero_points[2]
