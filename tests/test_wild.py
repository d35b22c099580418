# SPDX-License-Identifier: MIT
"""docs/models-in-the-wild.md shows the figures that `make wild` measured, and they say what the page says."""

import json

from docgen import wild
from galago.resources import boards_dir

PAGE = boards_dir().parent / "docs" / "models-in-the-wild.md"


def test_the_page_shows_the_figures() -> None:
    figures = json.loads(wild.FIGURES.read_text())
    assert wild.with_table(PAGE.read_text(), figures) == PAGE.read_text(), "run `make wild`"
    assert len(figures) > 10
    assert {row["classify"] for row in figures} == {"**exact**"}


def test_the_sources_add_up() -> None:
    lines = [line for line in PAGE.read_text().splitlines() if line.count("|") == 6]
    *rows, total = [[cell.strip(" *") for cell in line.split("|")[2:4]] for line in lines[2:]]
    assert [sum(int(row[i]) for row in rows) for i in (0, 1)] == [int(number) for number in total]
