# SPDX-License-Identifier: MIT
"""The soft targets of a PhotoRecipe: predicted for photos that were not learned, and computed once."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from galago.train import PhotoRecipe, teachers
from galago.train.recipe import Teacher
from support.requirements import extra_module

extra_module("sklearn", extra="train")

CLASSES, COUNT, WEIGHT = 2, 60, 0.5
TEACHER = Teacher("mobilenet_v1", 1.0, 224, 160, WEIGHT)
RECIPE = PhotoRecipe("tiny", "photos", "mobilenet_v1", 0.25, 96, 128, teachers=(TEACHER,), threads=1)


def test_a_teacher_predicts_what_it_has_not_learned_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Labels that have nothing to do with the features are learned by heart, but not predicted."""
    monkeypatch.setenv("GALAGO_CACHE", str(tmp_path / "cache"))
    random = np.random.default_rng(4)
    labels, noise = np.arange(COUNT) % CLASSES, random.normal(size=(COUNT, 300))
    paths = [tmp_path / f"{number}.jpg" for number in range(COUNT)]
    for path in paths:
        path.touch()
    photos: Any = SimpleNamespace(paths=paths, labels=labels, training=np.arange(COUNT))
    progress: Any = SimpleNamespace(say=lambda text: None)
    features, calls = noise, []

    def computed(teacher: Teacher, *_: object) -> np.ndarray:
        calls.append(teacher.input_size)
        return features

    monkeypatch.setattr(teachers, "_features", computed)
    hard = np.eye(CLASSES, dtype=np.float32)[labels]
    guessed = teachers.mix_soft_targets(hard, RECIPE, photos, progress)
    share = (guessed - (1 - WEIGHT) * hard)[np.arange(COUNT), labels] / WEIGHT
    assert 0.3 < share.mean() < 0.7  # chance; learned by heart it would be 1
    np.testing.assert_allclose(guessed.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(teachers.mix_soft_targets(hard, RECIPE, photos, progress), guessed)
    light = replace(RECIPE, teachers=(replace(TEACHER, weight=0.25),))
    mixed = teachers.mix_soft_targets(hard, light, photos, progress)
    np.testing.assert_allclose(mixed, (hard + guessed) / 2, atol=1e-6)
    assert calls == [160]
    features = np.hstack([noise, 9.0 * hard])
    another = replace(RECIPE, teachers=(replace(TEACHER, input_size=128),))
    known = teachers.mix_soft_targets(hard, another, photos, progress)
    assert calls == [160, 128]
    assert (known.argmax(axis=1) == labels).all()
