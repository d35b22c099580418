# SPDX-License-Identifier: MIT
"""The result of a sweep for a board: the models that no other beats, and the one to recommend.

points = front([Point("003-v1-025-96", 0.88, 68.2, 360_000), ...])
knee(points)                        # where more time buys little more accuracy
advice("RPI_PICO2", points)         # the same in words
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_STANDS_OUT = 0.1
"""Height above the line, as a share of the accuracy between its ends, from which a point is a knee."""


@dataclass(frozen=True)
class Point:
    """A model on a board."""

    name: str
    accuracy: float
    """From 0 to 1, of int8 on the held-out photos."""
    milliseconds: float
    heap: int
    """Bytes of heap."""

    def beats(self, other: "Point") -> bool:
        """Whether it is as good in everything and better in something."""
        return self != other and self._no_worse(other) and not other._no_worse(self)

    def _no_worse(self, other: "Point") -> bool:
        return (
            self.accuracy >= other.accuracy
            and self.milliseconds <= other.milliseconds
            and self.heap <= other.heap
        )


def front(points: Sequence[Point]) -> list[Point]:
    """Returns the Pareto front, the fastest first: what no other point beats."""
    best = [point for point in points if not any(other.beats(point) for other in points)]
    return sorted(best, key=lambda point: (point.milliseconds, -point.accuracy, point.heap))


def by_time(points: Sequence[Point]) -> list[Point]:
    """Returns the front without regard to memory: each point is more accurate than all faster ones."""
    steps: list[Point] = []
    for point in points:
        if not steps or point.accuracy > steps[-1].accuracy:
            steps.append(point)
    return steps


def knee(points: Sequence[Point]) -> Point:
    """Returns the point of a front (not empty) that lies farthest above the line between its ends.

    Time counts by its logarithm: half of it is worth the same everywhere. Where no point stands out above the
    line, it is the most accurate one.
    """
    steps = by_time(points)
    first, last = steps[0], steps[-1]
    if len(steps) < 3:
        return last
    width = math.log(last.milliseconds / first.milliseconds)

    def height(point: Point) -> float:
        right = math.log(point.milliseconds / first.milliseconds) / width
        return (point.accuracy - first.accuracy) / (last.accuracy - first.accuracy) - right

    best = max(steps, key=height)
    return best if height(best) >= _STANDS_OUT else last


def advice(board: str, points: Sequence[Point]) -> str:
    """Returns the recommendation for a board in one sentence or two; `points` is its front."""
    if not points:
        return f"{board}: no trial has finished yet"
    steps, chosen = by_time(points), knee(points)
    place = steps.index(chosen)
    text = f"{board}: {chosen.name} is recommended, {chosen.accuracy:.1%} right in {_time(chosen)}"
    others = []
    if place + 1 < len(steps):
        more = steps[place + 1]
        gain, times = more.accuracy - chosen.accuracy, more.milliseconds / chosen.milliseconds
        others.append(f"{more.name} gains {_points(gain)} for {times:.1f} times the time")
    if place:
        less = steps[place - 1]
        saved = 1 - less.milliseconds / chosen.milliseconds
        others.append(
            f"{less.name} saves {saved:.0%} of the time and loses {_points(chosen.accuracy - less.accuracy)}"
        )
    return f"{text}; {'; '.join(others)}" if others else text


def _time(point: Point) -> str:
    return f"about {point.milliseconds:.0f} ms" if point.milliseconds >= 1 else "less than 1 ms"


def _points(share: float) -> str:
    return f"{share * 100:.1f} points"
