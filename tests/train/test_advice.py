# SPDX-License-Identifier: MIT
"""The advice after a training names the weakest classes and what to do."""

import numpy as np

from galago import imagenet
from galago.evaluate import Scores
from galago.train.advice import advice

NAMES = ["cat", "cup", "dog"]


def scores(confusion: list[list[int]]) -> Scores:
    """Answers of a model with this confusion: rows are right classes, columns answers."""
    pairs = [(row, column) for row in range(3) for column in range(3) for _ in range(confusion[row][column])]
    labels, answers = np.array(pairs).T
    return Scores.of(np.eye(3)[answers], labels)


def test_a_good_model_needs_none() -> None:
    assert advice(scores([[19, 1, 0], [0, 20, 0], [0, 0, 20]]), NAMES, [200, 200, 200], 96, 0.5) == []


def test_weak_classes_are_named_with_what_they_are_taken_for() -> None:
    lines = advice(scores([[8, 2, 10], [0, 20, 0], [3, 3, 14]]), NAMES, [30, 200, 200], 96, 0.5)
    assert lines[0].startswith("cat: 40% recognized, mostly taken for dog: add photos of it")
    assert lines[1].startswith("dog: 70% recognized")
    assert any(line.startswith("cat: fewer than 50 photos") for line in lines)
    assert any("--size 128" in line for line in lines)
    assert any("--alpha 0.5" in line for line in lines)
    largest = advice(scores([[0, 1, 9]] * 3), NAMES, [99] * 3, 224, imagenet.wider("mobilenet_v1", 1.0))
    assert not any("--size" in line or "--alpha" in line for line in largest)
