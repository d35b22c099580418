# SPDX-License-Identifier: MIT
"""TensorFlow Lite's rounding on the KPU: batch norm words and an activation table for a layer.

    batch_norm, table = requantize(thresholds)      # thresholds: see tflite_rounding.py

A channel's output is right if (sum * norm_mul >> norm_shift) + norm_add reaches the first V of each output in
the table exactly at that output's threshold. `norm_add` shifts all thresholds of a channel together. Their
distances depend on `norm_mul`, whose 21 bits leave some of the 255 thresholds one sum off. But which ones
depends on the slope of the table, and there is room for several slopes: V has 36 bits, the table 16 segments.
So the table has up to eight segment groups, one above the other in V, each of them the whole function at
another slope, and each channel takes the group in which its thresholds are right: all of them, or all but the
rarest.

A group begins with a segment of constant lowest output. Groups are as far apart in V as sums can get. If
outputs lie on both sides of the zero point, TFLite's first rounding works the other way round below it, so
another segment begins at the zero point, its start shifted by both roundings.

Only a few values of V in a group are halfway between two outputs, and which of them occur depends on
`norm_add`, too. Channels avoid all of them, so it does not matter how the silicon rounds halves.
"""

import numpy as np

from galago.targets.k210.registers import SEGMENTS, ActivationTable, BatchNorm
from galago.targets.k210.requantization.segment_groups import (
    IMPOSSIBLE,
    SHIFT,
    V_RANGE,
    ChannelFit,
    SegmentGroup,
    candidates,
    fit_channels,
    max_groups,
)
from galago.targets.k210.requantization.tflite_rounding import Thresholds

_SWEEPS = 4  # over the places for groups


def requantize(thresholds: Thresholds) -> tuple[BatchNorm, ActivationTable]:
    """Returns the batch norm words and the table that reproduce the thresholds best."""
    groups, fits = candidates(thresholds), []
    for group in groups:
        fits.append(fit_channels(thresholds, group))
        if not fits[-1].cost.any():  # all channels are exact in this one
            fits = fits[-1:]
            groups = [group]
            break
    chosen, group_of = _choose(fits, max_groups(thresholds))
    at = np.array(chosen)[group_of], np.arange(len(group_of))
    mul, shift, add, down, up = (
        np.stack([getattr(fit, name) for fit in fits])[at] for name in ("mul", "shift", "add", "down", "up")
    )
    bottoms, starts = _place(group_of, add, down, up)
    table = _table(thresholds, [groups[i] for i in chosen], bottoms, starts)
    return BatchNorm(mul, add + starts[group_of], shift), table


def _choose(fits: list[ChannelFit], most: int) -> tuple[list[int], np.ndarray]:
    """Returns the chosen groups in the order of V, and for each channel the index into them, int64.

    For each number of groups the range of V is shared evenly, and each place gets the group that improves the
    total most, in several sweeps. V may get as far below the first group and above the last one as it likes.
    """
    cost, down, up = (np.stack([getattr(fit, name) for fit in fits]) for name in ("cost", "down", "up"))
    best: tuple[float, list[int], np.ndarray] | None = None
    for count in range(1, most + 1):
        share = V_RANGE // 2 // max(count - 1, 1)
        first, last, middle = (
            np.where(reach <= share, cost, IMPOSSIBLE) for reach in (up, down, (down + up) / 2)
        )
        places = [cost] if count == 1 else [first, last, *[middle] * (count - 2)]
        chosen, costs = _fill(places)
        total = float(costs.min(0).sum())
        if best is None or total < best[0]:
            order = [0, *range(2, count), 1] if count > 1 else [0]
            used, group_of = np.unique(costs[order].argmin(0), return_inverse=True)
            best = total, [chosen[order[i]] for i in used], group_of
    assert best
    return best[1], best[2]


def _fill(places: list[np.ndarray]) -> tuple[list[int], np.ndarray]:
    """Returns the group for each place, and its costs, float64 [places, channels].

    `places` are the costs of all groups in each place, float64 [groups, channels].
    """
    chosen = [0] * len(places)
    costs = np.full((len(places), places[0].shape[1]), IMPOSSIBLE)
    for _ in range(_SWEEPS):
        before = float(costs.min(0).sum())
        for number, place in enumerate(places):
            others = np.delete(costs, number, 0).min(0, initial=IMPOSSIBLE)
            chosen[number] = int(np.minimum(place, others).sum(1).argmin())
            costs[number] = place[chosen[number]]
        if float(costs.min(0).sum()) >= before:
            break
    return chosen, costs


def _place(
    group_of: np.ndarray, add: np.ndarray, down: np.ndarray, up: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns V at the bottom and at the start of each group, int64 [groups], for a small `norm_add`."""
    count = group_of.max() + 1
    deepest, highest = (np.array([side[group_of == i].max() for i in range(count)]) for side in (down, up))
    sizes = deepest + highest + 2
    bottoms = np.cumsum(sizes) - sizes
    starts = bottoms + deepest + 1
    adds = starts[group_of] + add
    middle = (adds.min() + adds.max()) // 2 if count > 1 else starts[0]
    return bottoms - middle, starts - middle


def _table(
    thresholds: Thresholds, groups: list[SegmentGroup], bottoms: np.ndarray, starts: np.ndarray
) -> ActivationTable:
    """Returns the groups one above the other; the segments below the first give the lowest output, too."""
    segments: list[tuple[int, int, int]] = []  # start, slope, output
    for group, bottom, start in zip(groups, bottoms.tolist(), starts.tolist(), strict=True):
        segments.append((bottom, 0, thresholds.low))
        segments += [(start + v, group.slope, output) for v, output in group.knots]
        if thresholds.high < 255:
            segments.append((start + group.end, 0, thresholds.high))
    unused = SEGMENTS - len(segments)
    segments = [(0, 0, thresholds.low)] * unused + segments
    start, mul, bias = (np.array(part, np.int64) for part in zip(*segments, strict=True))
    start[: unused + 1] = np.arange(unused + 1) - (1 << 35)
    return ActivationTable(start, mul, np.full(SEGMENTS, SHIFT), bias)
