# SPDX-License-Identifier: MIT
"""TensorFlow Lite's rounding on the KPU: batch norm words and an activation table for a layer.

    norms, table = requantize(steps)            # steps: where each step of the output begins, rounding.py

A step of a channel begins at the right sum if (sum * norm_mul >> norm_shift) + norm_add gets to that step's
first V in the table right there, and not one sum before. `norm_add` can shift all steps of a channel
together. How far they are apart is a matter of `norm_mul`, whose 21 bits leave some of the 255 steps one sum
off. But that depends on the slope of the table, and there is room for several: V has 36 bits, the table 16
segments. So the table has up to eight lanes, one above the other, each of them the whole function at another
slope, and each channel takes the lane in which its steps are right: all of them, or all but the rarest.

A lane begins with a segment that gives the lowest step. Lanes are as far apart as sums can get. Where
results are on both sides of the zero point, below it TFLite's first rounding works the other way round, and
another segment begins at the zero point, its start shifted by both.

A value half-way between two steps can be met at a few V of a lane only, which depends on `norm_add`, too.
Channels take what does not meet any: it does not matter how the silicon rounds halves.
"""

import numpy as np

from galago.targets.k210.lanes import IMPOSSIBLE, REACH, SHIFT, Fit, Lane, candidates, fitted, most_lanes
from galago.targets.k210.registers import SEGMENTS, Activation, Norms
from galago.targets.k210.rounding import Steps

_SWEEPS = 4  # over the places for lanes


def requantize(steps: Steps) -> tuple[Norms, Activation]:
    """The batch norm words and the table."""
    lanes, fits = candidates(steps), []
    for lane in lanes:
        fits.append(fitted(steps, lane))
        if not fits[-1].cost.any():  # all channels are right in this one
            fits = fits[-1:]
            lanes = [lane]
            break
    chosen, lane_of = _choose(fits, most_lanes(steps))
    at = np.array(chosen)[lane_of], np.arange(len(lane_of))
    mul, shift, add, down, up = (
        np.stack([getattr(fit, name) for fit in fits])[at] for name in ("mul", "shift", "add", "down", "up")
    )
    bottoms, starts = _places(lane_of, add, down, up)
    table = _table(steps, [lanes[i] for i in chosen], bottoms, starts)
    return Norms(mul, add + starts[lane_of], shift), table


def _choose(fits: list[Fit], most: int) -> tuple[list[int], np.ndarray]:
    """Which lanes to have, from the first to the last, and which of these each channel takes.

    For each number of lanes the room is shared evenly, and each place gets the lane that improves most, again
    and again. V may get as far below the first lane and above the last one as it likes.
    """
    cost, down, up = (np.stack([getattr(fit, name) for fit in fits]) for name in ("cost", "down", "up"))
    best: tuple[float, list[int], np.ndarray] | None = None
    for count in range(1, most + 1):
        share = REACH // 2 // max(count - 1, 1)
        first, last, middle = (
            np.where(room <= share, cost, IMPOSSIBLE) for room in (up, down, (down + up) / 2)
        )
        places = [cost] if count == 1 else [first, last, *[middle] * (count - 2)]
        chosen, costs = _improved(places)
        total = float(costs.min(0).sum())
        if best is None or total < best[0]:
            order = [0, *range(2, count), 1] if count > 1 else [0]
            used, lane_of = np.unique(costs[order].argmin(0), return_inverse=True)
            best = total, [chosen[order[i]] for i in used], lane_of
    assert best
    return best[1], best[2]


def _improved(places: list[np.ndarray]) -> tuple[list[int], np.ndarray]:
    """The lane for each place, of which costs are given [lanes, channels], and costs [places, channels]."""
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


def _places(
    lane_of: np.ndarray, add: np.ndarray, down: np.ndarray, up: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """V at the bottom of each lane and where it starts, such that `norm_add` is as small as can be."""
    count = lane_of.max() + 1
    deepest, highest = (np.array([side[lane_of == i].max() for i in range(count)]) for side in (down, up))
    sizes = deepest + highest + 2
    bottoms = np.cumsum(sizes) - sizes
    starts = bottoms + deepest + 1
    adds = starts[lane_of] + add
    middle = (adds.min() + adds.max()) // 2 if count > 1 else starts[0]
    return bottoms - middle, starts - middle


def _table(steps: Steps, lanes: list[Lane], bottoms: np.ndarray, starts: np.ndarray) -> Activation:
    """The lanes one above the other; what is below the first gives the lowest step, too."""
    pieces: list[tuple[int, int, int]] = []  # start, slope, output
    for lane, bottom, start in zip(lanes, bottoms.tolist(), starts.tolist(), strict=True):
        pieces.append((bottom, 0, steps.low))
        pieces += [(start + at, lane.slope, output) for at, output in lane.knots]
        if steps.high < 255:
            pieces.append((start + lane.end, 0, steps.high))
    idle = SEGMENTS - len(pieces)
    pieces = [(0, 0, steps.low)] * idle + pieces
    start, mul, bias = (np.array(part, np.int64) for part in zip(*pieces, strict=True))
    start[: idle + 1] = np.arange(idle + 1) - (1 << 35)
    return Activation(start, mul, np.full(SEGMENTS, SHIFT), bias)
