# SPDX-License-Identifier: MIT
"""Tables leave out columns by rank, words stay whole, counts agree with nouns, bars wait for slow work."""

import io

import pytest

from galago.cli import progress
from galago.cli.doctor import show
from galago.cli.output import Console
from galago.cli.plural import plural
from galago.cli.tables import Column, choose, width_of, wrap
from galago.doctor import Report

COLUMNS = [
    Column("name", ["a", "long name"]),
    Column("second", ["1", "2"], rank=2),
    Column("first", ["1", "2"], rank=1, right=True),
    Column("two\nlines", ["1", "2"], rank=3),
]


def test_the_width_is_that_of_the_longest_lines() -> None:
    assert [column.width for column in COLUMNS] == [9, 6, 5, 5]
    assert width_of(COLUMNS) == 9 + 6 + 5 + 5 + 3 * 2


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (5, ["name"]),
        (15, ["name"]),
        (16, ["name", "first"]),
        (24, ["name", "second", "first"]),
        (31, ["name", "second", "first", "two\nlines"]),
    ],
)
def test_columns_are_left_out_by_rank(width: int, titles: list[str]) -> None:
    assert [column.title for column in choose(COLUMNS, width)] == titles


def test_lines_break_at_spaces_and_in_long_words_after_slashes() -> None:
    assert wrap("one two three", 7) == "one two\nthree"
    assert wrap("see ports/stm32/boards/x.h now", 12) == "see ports/\nstm32/\nboards/x.h\nnow"
    assert wrap("two\nlines", 80) == "two\nlines"
    assert wrap("unbreakable", 4) == "unbreakable"


def test_counts_agree_with_their_nouns() -> None:
    assert [plural(count, "picture") for count in (0, 1, 2, 1000)] == [
        "0 pictures",
        "1 picture",
        "2 pictures",
        "1,000 pictures",
    ]


@pytest.mark.parametrize("delay", [0.0, 1000.0])
def test_items_pass_through_with_a_bar_for_slow_work_only(
    delay: float, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_DELAY", delay)
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich draws no bar elsewhere than on a terminal
    assert list(progress.with_progress([1, 2, 3], "calculating")) == [1, 2, 3]
    printed = capsys.readouterr()
    assert ("calculating" in printed.err) == (delay == 0)
    assert not printed.out


def test_a_long_fix_of_the_doctor_goes_on_below_its_beginning() -> None:
    report, shown = Report(), io.StringIO()
    report.problem("the board is full", "remove [old] files, then flash it again")
    show(report, Console(file=shown, width=30))
    lines = [line.rstrip() for line in shown.getvalue().splitlines()]
    assert lines == ["", "1 the board is full", "  → remove [old] files, then", "  flash it again"]
