# SPDX-License-Identifier: MIT
"""The page of runtimes, of the shipped model on two of them."""

import pytest

from galago import compatibility, models, runtimes
from galago.errors import GalagoError


def test_each_cell_says_how_near_or_why_not(
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
