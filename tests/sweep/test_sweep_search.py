# SPDX-License-Identifier: MIT
"""Which networks a sweep draws, and which trials it stops."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from galago import boards, fit
from galago.errors import GalagoError
from galago.fit.variants import Variant
from galago.resources import models_dir
from galago.sweep import Folder, Plan
from galago.sweep.running import recipe_of
from galago.sweep.search import Halving, Search
from galago.sweep.space import Candidate, Cost, Space
from galago.train import PhotoRecipe, read_recipe

LABELS = ["daisy", "roses"]


@pytest.fixture(scope="module")
def space() -> Space:
    """Few networks, so that they are checked in seconds."""
    return Space([boards.load("RPI_PICO2")], LABELS, {"RPI_PICO2": 10})


def drawn(search: Search) -> list[Candidate]:
    return list(iter(search.next, None))


def test_the_seed_decides_the_order(space: Space) -> None:
    one, again, other = (drawn(Search(space, seed)) for seed in (1, 1, 2))
    assert one == again
    assert one != other
    assert len({(each.variant, each.settings) for each in one}) == len(one)
    macs = [each.variant.macs for each in one if not each.known]
    assert macs[:2] == [min(macs), max(macs)]


def test_what_is_shipped_comes_first(space: Space, tmp_path: Path) -> None:
    """flowers-nano-48 is the largest shipped model that takes no more than 10 ms."""
    shipped = read_recipe(models_dir() / "flowers-nano-48" / "recipe.toml")
    assert isinstance(shipped, PhotoRecipe)
    for label in LABELS:
        (tmp_path / label).mkdir()
        (tmp_path / label / "1.jpg").touch()
    folder = Folder(tmp_path, Plan(str(tmp_path), ["RPI_PICO2"], {}, 1, 3, "", False))
    search = Search(space, 1)
    once, longer, other = (search.next() for _ in range(3))
    assert once
    assert longer
    assert other
    assert (once.known, longer.known, other.known) == (True, True, False)
    assert once.variant == longer.variant == Variant("mobilenet_v1", 0.25, 48, (2,), blocks=6)
    assert longer.settings == replace(once.settings, longer=2)
    trained = recipe_of(once, "one", folder)
    assert trained.teachers == shipped.teachers
    assert trained.augment == replace(shipped.augment, area=tuple(shipped.augment.area))
    assert [stage.epochs for stage in recipe_of(longer, "two", folder).stages] == [30, 6]


def test_no_trial_has_a_teacher_without_its_weights(space: Space) -> None:
    search = Search(space, 1)
    candidates = [search.next()]
    search.drop_teachers()
    candidates += drawn(search)
    assert [each.settings.teacher for each in candidates if each] == [True] + [False] * (len(candidates) - 1)
    assert not any(each.settings.teacher for each in drawn(Search(space, 1, teachers=False)))


def test_each_board_has_an_early_trial_cheapest_first() -> None:
    """Each board has its own time; the network that is fast on all of them comes before the larger ones."""
    limits = {"RPI_PICO2": 10.0, "NUCLEO_F446RE": 15.0}
    both = Space([boards.load(board) for board in limits], LABELS, limits)
    search = Search(both, 1)
    first = [each for _ in range(5) if (each := search.next()) and not each.known]
    assert len(first) == 3
    macs = [each.variant.macs for each in first]
    assert macs == sorted(macs)
    assert first[0].costs.keys() == limits.keys()
    for board, most in limits.items():
        alone = Space([boards.load(board)], LABELS, {board: most})
        fitting = [variant for variant in alone.variants() if alone.costs(variant)]
        assert max(fitting, key=lambda each: each.macs) in [each.variant for each in first]
        assert all(each.costs[board].milliseconds <= most for each in first if board in each.costs)


def test_only_what_fits_in_time_is_drawn(space: Space) -> None:
    variants = {each.variant for each in drawn(Search(space, 1))}
    board = space.boards[0]
    for variant in variants:
        cost = space.costs(variant)[board.id]
        assert cost.milliseconds <= 10
        assert cost.instructions == pytest.approx(
            cost.milliseconds / 1000 * board.clock_hz / board.cycles_per_instruction, abs=1
        )
    # What the quick test leaves out would not have fitted.
    left_out = Variant("mobilenet_v1", 0.5, 48, (2,), blocks=7)
    assert left_out not in variants
    slow = fit.check(space.requirements.for_variant(left_out), board)
    assert slow.seconds[1] > 0.010


def test_a_resumed_search_goes_on_where_it_ended(space: Space) -> None:
    whole = drawn(Search(space, 4))
    first = Search(space, 4)
    head = list(islice(iter(first.next, None), 3))
    resumed = Search(space, 4)
    resumed.skip(head[-1].draw)
    assert head + drawn(resumed) == whole


def test_widths_without_weights_are_dropped(space: Space) -> None:
    search = Search(space, 1)
    search.drop("mobilenet_v1", 0.25)
    assert all(each.variant.alpha != 0.25 for each in drawn(search))


def test_candidates_survive_json(space: Space) -> None:
    candidate = Search(space, 1).next()
    assert candidate
    assert Candidate.of_dict(candidate.as_dict()) == candidate


def test_boards_that_nothing_fits() -> None:
    smaller = replace(boards.load("NUCLEO_F401RE"), heap=40_000)
    for board, most, reason in (
        (smaller, 1000, "loading takes"),
        (boards.load("RPI_PICO2"), 1, "it takes about"),
    ):
        with pytest.raises(GalagoError) as caught:
            Space([board], LABELS, {board.id: most})
        assert caught.value.code == "board.none"
        assert caught.value.message.startswith(f"{board.id}: not even MobileNet V1 0.25/5@48")
        assert reason in caught.value.message


def cost(milliseconds: float, board: str = "A") -> dict[str, Cost]:
    return {board: Cost(milliseconds, 0, 0, "RAM")}


def test_a_third_goes_on_at_each_rung() -> None:
    halving = Halving(27)
    assert halving.rungs == [1, 3, 9]
    assert Halving(40).rungs == [1, 4, 13]
    assert Halving(2).rungs == []
    kept = [halving.keeps(trial, cost(5), 1, trial / 100) for trial in range(9)]
    assert all(kept)  # each is better than all before it
    worse = [halving.keeps(trial, cost(5), 1, 0.001 * (20 - trial)) for trial in range(9, 18)]
    assert not any(worse[3:])
    assert halving.keeps(20, cost(5), 2, 0.0)  # no rung


def test_the_front_is_never_stopped() -> None:
    """A trial that is the best of all that take no more time goes on, however late it comes."""
    random = np.random.default_rng(7)
    halving, seen = Halving(9), []
    for trial in range(300):
        milliseconds, accuracy = random.integers(1, 20), random.random()
        kept = halving.keeps(trial, cost(float(milliseconds)), 3, accuracy)
        seen.append((milliseconds, accuracy))
        if accuracy >= max(score for time, score in seen if time <= milliseconds):
            assert kept
    slow = [halving.keeps(400 + trial, cost(30.0), 3, 0.5) for trial in range(5)]
    assert not any(slow)


def test_trials_for_different_boards_do_not_compete() -> None:
    halving = Halving(9)
    assert halving.keeps(1, cost(5, "A"), 3, 0.9)
    assert halving.keeps(2, cost(5, "B"), 3, 0.1)
    assert not halving.keeps(3, cost(5, "A"), 3, 0.1)
