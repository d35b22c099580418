# SPDX-License-Identifier: MIT
"""Which networks a sweep trains, in which order, and which trainings it stops early.

    search = Search(space, seed=1)
    candidate = search.next()                   # None once the space is exhausted
    halving = Halving(epochs=40)
    halving.keeps(trial, costs, epoch=4, accuracy=0.71)

The order depends on nothing but the seed and the shipped models. First come the networks and settings of
those (galago.sweep.known). Then come the two ends of each board's front, cheapest first: its smallest
network, which is often the same for all boards, and its largest. Then all others follow at random, each first
with one draw of training settings, then with others.

Stopping is asynchronous successive halving (Li et al. 2020, "A System for Massively Parallel Hyperparameter
Tuning"): of the trials that have reached a rung, a third goes on. But a trial competes only with those that
take no more time on any of its boards: otherwise the small networks, which are one end of the result, would
all be stopped.
"""

import random
from collections.abc import Iterator
from dataclasses import replace

from galago.boards import BoardSpec
from galago.fit.variants import Variant
from galago.sweep import known
from galago.sweep.space import AREAS, LEARNING_RATES, MIXUPS, Candidate, Cost, Settings, Space

ROUNDS = 4
"""How often each network is drawn, with other settings of its training each time."""
REDUCTION = 3
"""One of so many trials goes on at each rung."""


class Search:
    """Draws candidates from a space; with `teachers`, half of them learn from one."""

    def __init__(self, space: Space, seed: int, teachers: bool = True) -> None:
        self._space, self._random, self._teachers = space, random.Random(seed), teachers
        self._known = known.first(space, teachers)
        self._variants = space.variants()
        self._dropped: set[tuple[str, float]] = set()
        self._draws = enumerate(self._draw())
        self._waiting = self._following()

    @property
    def boards(self) -> list[BoardSpec]:
        """The boards of the space."""
        return self._space.boards

    def next(self) -> Candidate | None:
        """The next candidate, None if there are no more."""
        candidate = self._waiting
        while candidate and self._is_dropped(candidate.variant):
            candidate = self._following()
        self._waiting = self._following() if candidate else None
        if candidate and not self._teachers:
            candidate = replace(candidate, settings=replace(candidate.settings, teacher=False))
        return candidate

    def skip(self, draw: int) -> None:
        """Goes on after the candidate with this number, for a sweep that is resumed."""
        while self._waiting and self._waiting.draw <= draw:
            self._waiting = self._following()

    def drop(self, architecture: str, alpha: float) -> None:
        """Leaves out all networks of a width, whose ImageNet weights cannot be had."""
        self._dropped.add((architecture, alpha))

    def drop_teachers(self) -> None:
        """Lets no other candidate have a teacher, whose ImageNet weights cannot be had."""
        self._teachers = False

    def _is_dropped(self, variant: Variant) -> bool:
        return (variant.architecture, variant.alpha) in self._dropped

    def _following(self) -> Candidate | None:
        for draw, (variant, settings) in self._draws:
            if not self._is_dropped(variant) and (costs := self._space.costs(variant)):
                return Candidate(draw, variant, settings, costs, (variant, settings) in self._known)
        return None

    def _draw(self) -> Iterator[tuple[Variant, Settings]]:
        by_macs = sorted(self._variants, key=lambda each: each.macs)
        first = dict.fromkeys(self._first_of_each_board(by_macs) + self._first_of_each_board(by_macs[::-1]))
        seen = set(self._known)
        yield from self._known
        for pair in ((variant, Settings()) for variant in by_macs if variant in first):
            if pair not in seen:
                seen.add(pair)
                yield pair
        for turn in range(ROUNDS):
            order = list(self._variants)
            self._random.shuffle(order)
            for variant in order:
                pair = variant, self._settings(usual=turn == 0)
                if pair not in seen:
                    seen.add(pair)
                    yield pair

    def _first_of_each_board(self, variants: list[Variant]) -> list[Variant]:
        """The first of the networks that each board has room and time for."""
        found = []
        left = {board.id for board in self._space.boards}
        for variant in variants:
            if not left:
                break
            if fitting := left & self._space.costs(variant).keys():
                found.append(variant)
                left -= fitting
        return found

    def _settings(self, usual: bool) -> Settings:
        """Random settings; half of the networks are first trained with the usual ones."""
        choose = self._random.choice
        drawn = Settings(
            choose(LEARNING_RATES), choose(AREAS), choose(MIXUPS), self._teachers and choose((False, True))
        )
        return Settings() if usual and self._random.random() < 0.5 else drawn


class Halving:
    """Stops the worse trials at a third and at a ninth of their epochs, and so on."""

    def __init__(self, epochs: int) -> None:
        self.rungs: list[int] = []
        while (epochs := epochs // REDUCTION) >= 1:
            self.rungs.insert(0, epochs)
        self._reached: dict[int, dict[int, tuple[dict[str, Cost], float]]] = {rung: {} for rung in self.rungs}

    def keeps(self, trial: int, costs: dict[str, Cost], epoch: int, accuracy: float) -> bool:
        """Records an epoch's accuracy, from 0 to 1, and returns whether the trial goes on."""
        if epoch not in self._reached:
            return True
        reached = self._reached[epoch]
        reached[trial] = costs, accuracy
        rivals = [score for others, score in reached.values() if _no_slower(others, costs)]
        return sum(score > accuracy for score in rivals) < -(-len(rivals) // REDUCTION)


def _no_slower(one: dict[str, Cost], other: dict[str, Cost]) -> bool:
    """Whether a network fits every board that another one fits, and takes no more time on any."""
    return all(board in one and one[board].milliseconds <= cost.milliseconds for board, cost in other.items())
