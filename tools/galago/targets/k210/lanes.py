# SPDX-License-Identifier: MIT
"""Lanes of an activation table, and how well a layer's channels do in them; arithmetic.py says what for.

for lane in candidates(steps):
    fit = fitted(steps, lane)               # fit.cost, fit.mul, ... of each channel
"""

from dataclasses import dataclass, field

import numpy as np

from galago.targets.k210.registers import SEGMENTS, SIGNED_BITS
from galago.targets.k210.rounding import NEVER, Steps

SHIFT = 20  # of a live segment; public files use shifts up to 20
LARGEST_SLOPE = 16383  # public files use up to 16384
MUL_LIMIT = 1 << 21  # of the batch norm's multiplier: largest in public files 2,095,262
REACH = 3_000_000_000  # of V from the first lane to the last
MOST_ADDED = 1 << 29  # to that by `norm_add` itself: together less than its 32 bits

# Slopes to try: so many, such that a sum makes so many units of V, or fewer.
_SLOPES = 24
_FINE, _COARSE = 2048, 64
_LARGEST_JUMP = 1 / 8

# How much a step counts: results crowd around the zero point; a sum of 0, that of dead inputs, is special.
_SPREAD = 40.0
_DEAD = 100.0
_HALF = 1e3  # a value that is half-way
IMPOSSIBLE = 1e6  # no room for a channel


@dataclass(frozen=True)
class Lane:
    """The table's function at one slope. V counts from where its live segments start."""

    slope: int  # steps of the output per 2**20 of V
    offset: float  # by how many steps thresholds are lower above the zero point, and higher below it
    steps: Steps = field(repr=False)

    @property
    def unit(self) -> float:
        """V per step."""
        return 2**SHIFT / self.slope

    @property
    def knots(self) -> list[tuple[int, int]]:
        """V and output at the start of each live segment."""
        low, zero = self.steps.low, self.steps.zero
        if not self.steps.two_sided:
            return [(0, low)]
        return [(0, low), (round((zero - low - 2 * self.offset) * self.unit), zero)]

    @property
    def end(self) -> int:
        """V at the highest step."""
        start, output = self.knots[-1]
        return start + int(np.ceil((self.steps.high - output) * self.unit))

    def begins(self) -> tuple[np.ndarray, np.ndarray]:
        """The first V of each step, int64, and whether what is rounded there is a half."""
        numbers = self.steps.numbers
        begin = np.zeros(len(numbers), np.int64)
        half = np.zeros(len(numbers), bool)
        for start, output in self.knots:
            twice = 2 * (numbers - output) - 1
            units = -(-(twice << SHIFT - 1) // self.slope)
            mine = numbers > output
            begin[mine] = start + units[mine]
            half[mine] = (units * self.slope == twice << SHIFT - 1)[mine]
        return begin, half


@dataclass
class Fit:
    """How each channel does in a lane; arrays are [channels], V from the lane's start."""

    mul: np.ndarray
    shift: np.ndarray
    add: np.ndarray
    cost: np.ndarray
    down: np.ndarray  # how far V gets below the start
    up: np.ndarray  # and above


def least_cost(steps: Steps) -> float:
    """How much the steps weigh that are wrong in any lane, since sums that are below them are too large."""
    return float(_weights(steps)[steps.first <= steps.below].sum())


def best_cost(steps: Steps) -> float:
    """How much the wrong steps of one channel weigh, in the lane that is best for it."""
    best = np.inf
    for lane in candidates(steps):
        best = min(best, float(fitted(steps, lane).cost[0]))
        if not best:
            break
    return best


def most_lanes(steps: Steps) -> int:
    """How many lanes a table has room for."""
    return SEGMENTS // (2 + steps.two_sided + (steps.high < 255))


def candidates(steps: Steps) -> list[Lane]:
    """Lanes to choose from."""
    varies = np.any((steps.first < NEVER) & (steps.below > -NEVER), axis=1)
    varies |= ~varies.any()
    factors, sums = steps.factors[varies], (steps.most - steps.least)[varies]
    reach = float(np.median(factors * sums)) + 255
    finest = max(np.quantile(factors, 0.1) * 2.0**SHIFT / _FINE, 2.0 ** (SHIFT + 1) * reach / REACH)
    finest = min(max(finest, 1), LARGEST_SLOPE / 3)
    coarsest = np.clip(factors.max() * 2.0**SHIFT / _COARSE, finest + 2 * _SLOPES, LARGEST_SLOPE)
    slopes = sorted(set(np.rint(np.geomspace(finest, coarsest, _SLOPES)).astype(int).tolist()))
    # Steps are 2**-(e + 1) lower than with one rounding; an e of -1 and less has but one.
    exponents = set(steps.exponents.clip(0).tolist()) if steps.two_sided else {0}
    offsets = {min(2.0 ** -(e + 1), _LARGEST_JUMP) if e > 0 else 0.0 for e in exponents}
    return [Lane(slope, offset, steps) for slope in slopes for offset in sorted(offsets)]


def fitted(steps: Steps, lane: Lane) -> Fit:
    """Each channel in a lane: the `norm_add` with which most steps are right, by their weight."""
    scale = steps.factors * lane.unit
    shift = np.floor(np.log2((MUL_LIMIT - 1) / scale)).clip(0, 15).astype(np.int64)
    mul = np.rint(scale * np.exp2(shift)).clip(0, MUL_LIMIT - 1).astype(np.int64)

    def normed(sums: np.ndarray) -> np.ndarray:
        return sums * mul[:, np.newaxis] >> shift[:, np.newaxis]

    begin, half = lane.begins()
    least, most = begin + half - normed(steps.first), begin - 1 - normed(steps.below)
    weights = _weights(steps)
    low, high, covered = _most_covered(least, most, weights)
    add = _inside(low, high, round(lane.unit))
    cost = weights.sum(1) - covered + _HALF * _halves(steps, begin[half], mul, shift, add)
    bottom, top = ((sums * mul >> shift) + add for sums in (steps.least, steps.most))
    down, up = (-bottom).clip(0), top.clip(lane.end)
    wide = (np.maximum(down, up) >> SIGNED_BITS - 2 > 0) | (abs(add) > MOST_ADDED)
    cost[wide | (scale > MUL_LIMIT - 1)] = IMPOSSIBLE
    return Fit(mul, shift, add, cost, down, up)


def _weights(steps: Steps) -> np.ndarray:
    """How many results a wrong step would change, about: [channels, steps]."""
    factors = steps.factors[:, np.newaxis]
    weights = np.exp(-abs(steps.numbers - steps.zero) / _SPREAD) + 1 / 255
    return factors * (weights + _DEAD * (abs(steps.first * factors) < 1))


def _most_covered(least: np.ndarray, most: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, ...]:
    """Where intervals least..most of the largest total weight overlap, int64 [rows], and that weight."""
    low, high = least.max(1, initial=-NEVER), most.min(1, initial=NEVER)
    covered = weights.sum(1)
    rest = np.flatnonzero(low > high)  # not all of them do
    if not len(rest):
        return low, high, covered
    least, most, weights = least[rest], most[rest], weights[rest]
    weights = np.where(least <= most, weights, 0)
    ends = np.concatenate([least, most + 1], 1)
    order = np.argsort(ends, 1, kind="stable")
    ends = np.take_along_axis(ends, order, 1)
    total = np.cumsum(np.take_along_axis(np.concatenate([weights, -weights], 1), order, 1), 1)
    total[:, :-1][ends[:, :-1] == ends[:, 1:]] = -1  # no room: more intervals begin or end right there
    best = total[:, :-1].argmax(1)[:, np.newaxis]
    low[rest] = np.take_along_axis(ends, best, 1)[:, 0]
    high[rest] = np.take_along_axis(ends, best + 1, 1)[:, 0] - 1
    covered[rest] = np.take_along_axis(total, best, 1)[:, 0]
    return low, high, covered


def _inside(low: np.ndarray, high: np.ndarray, margin: int) -> np.ndarray:
    """The middle of each interval; of one that is wide, because a step is never met, near its inner end."""
    width = ((high - low) // 2).clip(0, margin)
    return np.where(abs(low) < abs(high), low + width, high - width)


def _halves(steps: Steps, at: np.ndarray, mul: np.ndarray, shift: np.ndarray, add: np.ndarray) -> np.ndarray:
    """Whether a channel meets one of the V in `at`; bool [channels]."""
    normed = at - add[:, np.newaxis]
    mul, shift = mul[:, np.newaxis], shift[:, np.newaxis]
    sums = -(-(normed << shift) // mul.clip(1))
    met = (sums * mul >> shift == normed) & (sums >= steps.least[:, np.newaxis])
    return np.any(met & (sums <= steps.most[:, np.newaxis]), axis=1)
