# SPDX-License-Identifier: MIT
"""Each shipped model is whole, answers as its golden outputs say, and is as good as its card says."""

import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from galago import evaluate, models
from galago.tflite.tflm import Tflm


@pytest.mark.parametrize("name", models.shipped_names())
def test_golden_outputs_are_tflm_s(name: str) -> None:
    model = models.find(name)
    oracle = Tflm(model.tflite.read_bytes())
    golden = list(model.golden())
    assert len(golden) >= 4
    for given, wanted in golden:
        assert (np.ravel(oracle.run(given)) == wanted).all()


@pytest.mark.parametrize("name", models.shipped_names())
def test_the_card_states_what_is_measured(name: str, data: Path) -> None:
    """The int8 figure of CARD.md and of report.json, measured again on all held-out pictures."""
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
        found = json.loads(report.read_text())["int8"]
        assert (scores.right, scores.count) == (found["right"], found["photos"])
