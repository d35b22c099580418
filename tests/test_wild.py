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


def test_larger_networks_were_compared_on_200_inputs() -> None:
    """Those of 224 x 224 pixels take up to an hour, and may be stopped before."""
    figures = json.loads(wild.NETWORK_FIGURES.read_text())
    assert wild.with_networks(PAGE.read_text(), figures) == PAGE.read_text(), "run `make wild`"
    large = {name for name in wild.NETWORKS if name.endswith("_224")}
    assert figures.keys() == wild.NETWORKS.keys()
    assert {row["inputs"] for name, row in figures.items() if name not in large} == {200}


def test_the_sources_add_up() -> None:
    _, section = PAGE.read_text().split("## Of 108 public files")
    lines = [line for line in section.splitlines() if line.count("|") == 6]
    *rows, total = [[cell.strip(" *") for cell in line.split("|")[2:4]] for line in lines[2:]]
    assert [sum(int(row[i]) for row in rows) for i in (0, 1)] == [int(number) for number in total]
