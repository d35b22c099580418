# SPDX-License-Identifier: MIT
"""Segment groups of an activation table, and how well each channel's thresholds fit them.

for group in candidates(thresholds):
    fit = fit_channels(thresholds, group)       # fit.cost, fit.mul, ... of each channel

A segment group is the whole activation function at one slope, in two to four consecutive segments. A table
has room for several (activation_table.py).
"""

from dataclasses import dataclass, field

import numpy as np

from galago.targets.k210.registers import SEGMENTS, SIGNED_BITS
from galago.targets.k210.requantization.tflite_rounding import NEVER, Thresholds

SHIFT = 20  # of a segment with a slope; public files use shifts up to 20
MAX_SLOPE = 16383  # public files use up to 16384
MAX_MUL = 1 << 21  # exclusive bound of the batch norm's multiplier; the largest in public files is 2,095,262
V_RANGE = 3_000_000_000  # from the first group to the last, in units of V
MAX_NORM_ADD = 1 << 29  # of `norm_add` on top of that; together they fit into 32 bits

# Slopes to try: this many, at which a unit of the sum is worth 64 to 2048 units of V.
_SLOPES = 24
_FINEST, _COARSEST = 2048, 64
_MAX_OFFSET = 1 / 8

# Weights of wrong thresholds. Outputs are frequent near the zero point, and a sum of 0 is that of dead
# inputs.
_DECAY = 40.0  # output steps from the zero point over which the weight falls to 1/e
_DEAD_INPUTS = 100.0
_HALF = 1e3  # for a value that is halfway between two outputs
IMPOSSIBLE = 1e6  # for a channel that does not fit


@dataclass(frozen=True)
class SegmentGroup:
    """The activation function at one slope.

    V is relative to the start of the first segment with that slope.
    """

    slope: int  # output steps per 2**20 of V
    offset: float  # output steps by which thresholds are lower above the zero point, and higher below it
    thresholds: Thresholds = field(repr=False)

    @property
    def v_per_step(self) -> float:
        """V per output step."""
        return 2**SHIFT / self.slope

    @property
    def knots(self) -> list[tuple[int, int]]:
        """V and output at the start of each segment with a slope."""
        low, zero_point = self.thresholds.low, self.thresholds.zero_point
        if not self.thresholds.two_sided:
            return [(0, low)]
        return [(0, low), (round((zero_point - low - 2 * self.offset) * self.v_per_step), zero_point)]

    @property
    def end(self) -> int:
        """V at the highest output."""
        start, output = self.knots[-1]
        return start + int(np.ceil((self.thresholds.high - output) * self.v_per_step))

    def first_values(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the first V of each output, int64, and whether it is halfway there, bool [high - low]."""
        outputs = self.thresholds.outputs
        first = np.zeros(len(outputs), np.int64)
        halfway = np.zeros(len(outputs), bool)
        for start, output in self.knots:
            twice = 2 * (outputs - output) - 1
            units = -(-(twice << SHIFT - 1) // self.slope)
            after = outputs > output
            first[after] = start + units[after]
            halfway[after] = (units * self.slope == twice << SHIFT - 1)[after]
        return first, halfway


@dataclass
class ChannelFit:
    """How each channel fits a segment group; arrays are [channels], V is relative to the group's start."""

    mul: np.ndarray
    shift: np.ndarray
    add: np.ndarray
    cost: np.ndarray
    down: np.ndarray  # how far V gets below the start
    up: np.ndarray  # and above


def least_cost(thresholds: Thresholds) -> float:
    """Returns the weight of thresholds that are wrong in any group, because a sum below them is too large."""
    return float(_weights(thresholds)[thresholds.first <= thresholds.below].sum())


def best_cost(thresholds: Thresholds) -> float:
    """Returns the weight of one channel's wrong thresholds in the group that fits it best."""
    best = np.inf
    for group in candidates(thresholds):
        best = min(best, float(fit_channels(thresholds, group).cost[0]))
        if not best:
            break
    return best


def max_groups(thresholds: Thresholds) -> int:
    """Returns the number of groups that a table has room for."""
    return SEGMENTS // (2 + thresholds.two_sided + (thresholds.high < 255))


def candidates(thresholds: Thresholds) -> list[SegmentGroup]:
    """Returns the groups to choose from."""
    varies = np.any((thresholds.first < NEVER) & (thresholds.below > -NEVER), axis=1)
    varies |= ~varies.any()
    factors, spans = thresholds.factors[varies], (thresholds.most_sum - thresholds.least_sum)[varies]
    reach = float(np.median(factors * spans)) + 255
    finest = max(np.quantile(factors, 0.1) * 2.0**SHIFT / _FINEST, 2.0 ** (SHIFT + 1) * reach / V_RANGE)
    finest = min(max(finest, 1), MAX_SLOPE / 3)
    coarsest = np.clip(factors.max() * 2.0**SHIFT / _COARSEST, finest + 2 * _SLOPES, MAX_SLOPE)
    slopes = sorted(set(np.rint(np.geomspace(finest, coarsest, _SLOPES)).astype(int).tolist()))
    # Two roundings put thresholds 2**-(e + 1) lower than one does; with e < 0 there is only one.
    exponents = set(thresholds.exponents.clip(0).tolist()) if thresholds.two_sided else {0}
    offsets = {min(2.0 ** -(e + 1), _MAX_OFFSET) if e > 0 else 0.0 for e in exponents}
    return [SegmentGroup(slope, offset, thresholds) for slope in slopes for offset in sorted(offsets)]


def fit_channels(thresholds: Thresholds, group: SegmentGroup) -> ChannelFit:
    """Returns for each channel the `norm_add` at which most thresholds are right, by their weight."""
    scale = thresholds.factors * group.v_per_step
    shift = np.floor(np.log2((MAX_MUL - 1) / scale)).clip(0, 15).astype(np.int64)
    mul = np.rint(scale * np.exp2(shift)).clip(0, MAX_MUL - 1).astype(np.int64)

    def normalized(sums: np.ndarray) -> np.ndarray:
        return sums * mul[:, np.newaxis] >> shift[:, np.newaxis]

    first, halfway = group.first_values()
    least, most = first + halfway - normalized(thresholds.first), first - 1 - normalized(thresholds.below)
    weights = _weights(thresholds)
    low, high, covered = _most_covered(least, most, weights)
    add = _inside(low, high, round(group.v_per_step))
    cost = weights.sum(1) - covered + _HALF * _meets(thresholds, first[halfway], mul, shift, add)
    bottom, top = ((sums * mul >> shift) + add for sums in (thresholds.least_sum, thresholds.most_sum))
    down, up = (-bottom).clip(0), top.clip(group.end)
    too_wide = (np.maximum(down, up) >> SIGNED_BITS - 2 > 0) | (abs(add) > MAX_NORM_ADD)
    cost[too_wide | (scale > MAX_MUL - 1)] = IMPOSSIBLE
    return ChannelFit(mul, shift, add, cost, down, up)


def _weights(thresholds: Thresholds) -> np.ndarray:
    """Returns roughly how many outputs each wrong threshold would change, float64 [channels, high - low]."""
    factors = thresholds.factors[:, np.newaxis]
    weights = np.exp(-abs(thresholds.outputs - thresholds.zero_point) / _DECAY) + 1 / 255
    return factors * (weights + _DEAD_INPUTS * (abs(thresholds.first * factors) < 1))


def _most_covered(least: np.ndarray, most: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, ...]:
    """Returns for each row where intervals least..most of the largest total weight overlap, and how much."""
    low, high = least.max(1, initial=-NEVER), most.min(1, initial=NEVER)
    covered = weights.sum(1)
    rest = np.flatnonzero(low > high)  # rows whose intervals do not all overlap
    if not len(rest):
        return low, high, covered
    least, most, weights = least[rest], most[rest], weights[rest]
    weights = np.where(least <= most, weights, 0)
    ends = np.concatenate([least, most + 1], 1)
    order = np.argsort(ends, 1, kind="stable")
    ends = np.take_along_axis(ends, order, 1)
    total = np.cumsum(np.take_along_axis(np.concatenate([weights, -weights], 1), order, 1), 1)
    total[:, :-1][ends[:, :-1] == ends[:, 1:]] = -1  # empty: more intervals begin or end at the same value
    best = total[:, :-1].argmax(1)[:, np.newaxis]
    low[rest] = np.take_along_axis(ends, best, 1)[:, 0]
    high[rest] = np.take_along_axis(ends, best + 1, 1)[:, 0] - 1
    covered[rest] = np.take_along_axis(total, best, 1)[:, 0]
    return low, high, covered


def _inside(low: np.ndarray, high: np.ndarray, margin: int) -> np.ndarray:
    """Returns the middle of each interval, or in a wide one a value near its inner end.

    An interval is wide if a threshold is never reached.
    """
    width = ((high - low) // 2).clip(0, margin)
    return np.where(abs(low) < abs(high), low + width, high - width)


def _meets(
    thresholds: Thresholds, values: np.ndarray, mul: np.ndarray, shift: np.ndarray, add: np.ndarray
) -> np.ndarray:
    """Returns whether some sum of a channel gives one of the values of V, bool [channels]."""
    normalized = values - add[:, np.newaxis]
    mul, shift = mul[:, np.newaxis], shift[:, np.newaxis]
    sums = -(-(normalized << shift) // mul.clip(1))
    met = (sums * mul >> shift == normalized) & (sums >= thresholds.least_sum[:, np.newaxis])
    return np.any(met & (sums <= thresholds.most_sum[:, np.newaxis]), axis=1)
