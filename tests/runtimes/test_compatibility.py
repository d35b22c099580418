# SPDX-License-Identifier: MIT
"""docs/runtimes.md, for the shipped model on some runtimes."""

from pathlib import Path

import pytest

from docgen import compatibility
from docgen.compatibility import subjects
from galago import models, runtimes
from galago.errors import GalagoError
from support.requirements import extra_module


def test_each_cell_shows_the_difference_or_the_reason(
    model: models.ModelDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> dict:
        raise GalagoError("backend.refused", "openmv cannot run it: it is Tuesday: wait")

    monkeypatch.setattr("galago.runtimes.openmv.files", refuse)
    names = {name: runtimes.MODULES[name] for name in ("openmv", "emlearn", "canmv_k230")}
    monkeypatch.setattr(runtimes, "MODULES", names)
    cells = compatibility.row(model, [])
    assert str(cells["builtin"]) == "**exact**"
    assert 0.01 < cells["emlearn"].worst <= 64
    assert str(cells["openmv"]) == "refused: it is Tuesday"
    page = compatibility.page({model.name: cells}, 0)
    assert "Nothing here was run on silicon" in " ".join(page.split())
    assert page.splitlines()[-1].startswith(f"| {model.name} | **exact** | refused: it is Tuesday | within ")


def test_without_data_the_zoo_is_skipped_with_a_line_each(tmp_path: Path) -> None:
    extra_module("keras", extra="train")
    messages: list[str] = []
    found = [model.name for model in subjects.subjects(tmp_path, tmp_path, messages.append)]
    assert found == list(models.shipped_names())
    assert [line.split(":")[0] for line in messages] == [*subjects.ZOO, subjects.V2]
    assert all("skipped" in line and str(tmp_path) in line for line in messages)
