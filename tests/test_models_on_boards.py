# SPDX-License-Identifier: MIT
"""The page of models and boards names every board, and says what `galago fit` says."""

import re

from docgen import board_models
from galago import boards
from galago.resources import models_dir

PAGE = (models_dir().parent / "docs" / "models-on-boards.md").read_text(encoding="utf-8")
_TIME = re.compile(r"about [\d,]+ ms")  # changes with every kernel that becomes faster
ROWS = re.findall(r"^\| ([\w-]+), .*\|$", PAGE, re.MULTILINE)


def test_every_board_of_the_engine_has_a_row() -> None:
    assert [board.id for board in boards.all() if board.kernels] == ROWS


def test_the_accuracies_are_those_of_the_reports() -> None:
    accuracy = {one.requirements.name: f"{one.accuracy:.1%}" for one in board_models.candidates()}
    named = re.findall(r"\[([\w-]+)\]\(\.\./models/[\w-]+/CARD\.md\): ([\d.]+%)", PAGE)
    assert named
    assert {(name, share) for name, share in named} <= set(accuracy.items())


def test_a_row_is_what_fit_says() -> None:
    known = board_models.candidates()
    for name in ("RPI_PICO", "NUCLEO_H743ZI"):
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| {name},"))
        for task in sorted({one.task for one in known}):
            cell = board_models.best(boards.load(name), [one for one in known if one.task == task])
            expected = _TIME.sub("", cell or "none fits")
            assert expected in _TIME.sub("", row), "run make models-table"
