# SPDX-License-Identifier: MIT
"""The Pareto front against its definition, the knee on shapes where it is plain, and the words."""

import itertools

import numpy as np

from galago.sweep.front import Point, advice, by_time, front, knee


def test_the_front_is_what_nothing_dominates() -> None:
    random = np.random.default_rng(3)
    for _ in range(200):
        figures = random.integers(0, 5, (8, 3)).tolist()  # small numbers, so that there are ties
        points = [Point(str(n), a / 4, 1.0 + t, h) for n, (a, t, h) in enumerate(figures)]
        expected = {
            one.name
            for one in points
            if not any(
                o.accuracy >= one.accuracy
                and o.milliseconds <= one.milliseconds
                and o.heap <= one.heap
                and (o.accuracy, o.milliseconds, o.heap) != (one.accuracy, one.milliseconds, one.heap)
                for o in points
            )
        }
        found = front(points)
        assert {point.name for point in found} == expected
        assert [point.milliseconds for point in found] == sorted(point.milliseconds for point in found)


def test_the_knee_is_where_more_time_buys_little() -> None:
    points = [
        Point("a", 0.5, 10, 0),
        Point("b", 0.85, 20, 0),
        Point("c", 0.88, 40, 0),
        Point("d", 0.9, 80, 0),
    ]
    for order in itertools.permutations(points):
        assert knee(front(order)).name == "b"
    straight = [Point("a", 0.5, 10, 0), Point("b", 0.6, 20, 0), Point("c", 0.7, 40, 0)]
    assert knee(straight).name == "c"
    sagging = [Point("a", 0.5, 10, 0), Point("b", 0.51, 20, 0), Point("c", 0.9, 40, 0)]
    assert knee(sagging).name == "c"
    bump = [Point("a", 0.5, 10, 0), Point("b", 0.52, 10.5, 0), Point("c", 0.9, 40, 0)]
    assert knee(bump).name == "c"
    assert knee(points[:1]).name == "a"


def test_points_that_only_save_memory_are_no_steps_in_time() -> None:
    points = front([Point("fast", 0.8, 10, 900), Point("lean", 0.7, 20, 100), Point("best", 0.9, 30, 900)])
    assert [point.name for point in points] == ["fast", "lean", "best"]
    assert [point.name for point in by_time(points)] == ["fast", "best"]


def test_the_recommendation_says_what_its_neighbours_cost() -> None:
    points = [Point("a", 0.5, 10, 0), Point("b", 0.85, 20, 0), Point("c", 0.88, 40, 0)]
    assert advice("RPI_PICO2", points) == (
        "RPI_PICO2: b is recommended, 85.0% right in about 20 ms; c gains 3.0 points for 2.0 times the time; "
        "a saves 50% of the time and loses 35.0 points"
    )
    assert advice("RPI_PICO2", []) == "RPI_PICO2: no trial has finished yet"
