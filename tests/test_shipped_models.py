# SPDX-License-Identifier: MIT
"""Each shipped model gives its golden outputs, has the accuracy on its card, and an up-to-date report."""

import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from galago import evaluate, models
from galago.report.page import page
from galago.tflite.tflm import Tflm


@pytest.mark.parametrize("name", models.shipped_names())
def test_golden_outputs_are_those_of_tflm(name: str) -> None:
    model = models.find(name)
    reference = Tflm(model.tflite.read_bytes())
    golden = list(model.golden())
    assert len(golden) >= 4
    for picture, expected in golden:
        assert (np.ravel(reference.run(picture)) == expected).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", models.shipped_names())
def test_the_card_states_what_is_measured(name: str, data: Path) -> None:
    """The int8 figure of CARD.md and report.json is measured again on all held-out pictures."""
    model = models.find(name)
    recipe = tomllib.loads((model.path / "recipe.toml").read_text())
    photos = evaluate.labelled(model, data / recipe["test"])
    inside = photos.where(photos.labels >= 0)
    inputs, positions = evaluate.read_inputs(model, inside.paths)
    scores = evaluate.Scores.of(evaluate.int8(model, inputs), inside.labels[positions])
    card = (model.path / "CARD.md").read_text()
    stated = re.search(r"^\| int8 .*?\| (\d+) of (\d+) \|", card, re.MULTILINE)
    assert stated is not None
    assert (scores.right, scores.count) == (int(stated[1]), int(stated[2]))
    report = model.path / "report.json"
    if report.is_file():
        reported = json.loads(report.read_text())["int8"]
        assert (scores.right, scores.count) == (reported["right"], reported["photos"])


@pytest.mark.parametrize("name", models.shipped_names())
def test_the_page_shows_the_report(name: str) -> None:
    """`python -m galago.report models/*/` renders report.html again after a change of its text."""
    folder = models.find(name).path
    report = json.loads((folder / "report.json").read_text())
    assert (folder / "report.html").read_text() == page(report, None)
