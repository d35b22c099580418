# SPDX-License-Identifier: MIT
"""Each shipped model is whole, answers as its golden outputs say, and is as good as its card says."""

import re
from pathlib import Path

import numpy as np
import pytest

from galago import evaluate, models
from galago.tflm import Tflm


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
    """The int8 figure of CARD.md, measured again on all held-out pictures."""
    model = models.find(name)
    photos = evaluate.labelled(model, data / "images" / "imagenet_val650")
    inside = photos.where(photos.labels >= 0)
    outputs, positions = evaluate.answers(model, inside.paths)
    right = int((outputs.argmax(axis=1) == inside.labels[positions]).sum())
    stated = re.search(
        r"^\| int8 .*?\| (\d+) of (\d+) \|", (model.path / "CARD.md").read_text(), re.MULTILINE
    )
    assert stated is not None
    assert (right, len(positions)) == (int(stated[1]), int(stated[2]))
