# SPDX-License-Identifier: MIT
"""Training of ImageNet's groups: the student learns the soft targets, and heads are merged exactly."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from galago import imagenet, models, train
from galago.errors import GalagoError
from galago.resources import models_dir
from galago.train.checkpoint import Checkpoint
from galago.train.imagenet_groups import (
    GroupHead,
    imagenet_student,
    merge_rows,
    student_stage,
    with_classes,
    with_kinds,
)
from galago.train.loop import Loop
from galago.train.pixels import jitter
from galago.train.recipe import GroupStage
from galago.train.result import Validation
from galago.train.teachers import SoftTargets
from galago.train.views import Views, batches
from support.caches import own_cache
from support.requirements import extra_module

keras = extra_module("keras", extra="train")

RECIPE = Path(__file__).with_name("groups.toml")
STAGE = GroupStage(
    "all", epochs=3, steps=20, batch=16, learning_rate=3e-3, mixup=0.2, jitter=0.1, class_loss=1.0
)


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@pytest.fixture
def views() -> Views:
    """Pictures whose colour is their class: red is ImageNet's 1, green its 2, blue a kind that it lacks."""
    random = np.random.default_rng(2)
    colour = np.arange(120) % 3
    pixels = random.integers(0, 60, (120, 8, 8, 3), dtype=np.uint8)
    pixels[np.arange(120), :, :, colour] += 180
    targets = np.full((120, imagenet.CLASSES), 0.1 / imagenet.CLASSES, np.float16)
    targets[np.arange(120), np.array([1, 2, 500])[colour]] += 0.9
    return Views(pixels, targets, np.full(120, 1 / 120), np.where(colour == 2, 0, -1))


@pytest.fixture
def student() -> Any:
    keras.utils.set_random_seed(1)
    picture = keras.Input((8, 8, 3))
    features = keras.layers.Conv2D(12, 3, activation="relu")(picture)
    features = keras.layers.GlobalAveragePooling2D(name="features")(features)
    return keras.Model(picture, keras.layers.Dense(imagenet.CLASSES, name="imagenet")(features))


def silent() -> train.Progress:
    return train.Progress(Console(quiet=True))


class Reported(train.Progress):
    """Keeps what is reported of epochs, as a studio or a sweep takes it."""

    def __init__(self) -> None:
        super().__init__(Console(quiet=True))
        self.rows: list[dict[str, Any]] = []

    def epoch(self, row: dict[str, Any], epochs: int) -> None:
        self.rows.append(row)


def fit(
    student: Any,
    views: Views,
    stage: GroupStage,
    figures: dict[str, float] | None = None,
    progress: train.Progress | None = None,
) -> list[dict[str, Any]]:
    """Runs one stage, as `galago.train.imagenet_groups` does, without a checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Checkpoint(Path(folder), "test", print)
        loop = Loop(student, lambda: figures or {"loss": 1.0}, checkpoint, progress or silent())
        return loop.run([student_stage(student, views, stage, GROUPS, 1)])


GROUPS = np.full(imagenet.CLASSES, -1)
GROUPS[1], GROUPS[2] = 0, 1


def test_groups_are_ranges_and_numbers() -> None:
    group = imagenet.groups({"cat": ["281-285"], "bicycle": [444, "671"]})
    assert np.flatnonzero(group == 0).tolist() == [281, 282, 283, 284, 285]
    assert np.flatnonzero(group == 1).tolist() == [444, 671]
    assert (group == -1).sum() == 993


@pytest.mark.parametrize(
    "classes",
    [{"a": ["1-3"], "b": [3]}, {"a": ["5-3"]}, {"a": [1000]}, {"a": ["x"]}, {"a": ["1-"]}, {"a": [-1]}],
)
def test_impossible_groups_are_refused(classes: dict) -> None:
    with pytest.raises(GalagoError) as caught:
        imagenet.groups(classes)
    assert caught.value.code == "config.invalid"


def test_merged_rows_keep_the_sums() -> None:
    """The classes' probabilities are the sums of ImageNet's, also where equal rows were merged."""
    random = np.random.default_rng(0)
    kernel, bias = random.normal(size=(6, 40)), random.normal(size=40)
    group = np.repeat([-1, 0, 1, 2], 10)
    kernel[:, 11:20], bias[11:20] = kernel[:, 10:11], bias[10]  # class 0: ten times the same row
    features = random.normal(size=(50, 6))
    expected = softmax(features @ kernel + bias) @ np.eye(4)[group + 1]
    merged = merge_rows(GroupHead(kernel, bias, group), {0: 1}, seed=1)
    assert np.bincount(merged.classes + 1).tolist() == [10, 1, 10, 10]
    sums = softmax(features @ merged.kernel + merged.bias) @ np.eye(4)[merged.classes + 1]
    np.testing.assert_allclose(sums, expected, rtol=1e-9)


def test_the_student_learns_the_soft_targets(student: Any, views: Views) -> None:
    history = fit(student, views, STAGE)
    assert [row["epoch"] for row in history] == [1, 2, 3]
    answer = student.predict((views.pixels.astype(np.float32) - 128) / 128, verbose=0).argmax(axis=1)
    assert (answer == views.targets.argmax(axis=1)).mean() > 0.9


@pytest.mark.parametrize(("measure", "reported"), [("accuracy", [1.0]), ("agreement", [])])
def test_the_epochs_of_a_training_are_reported(
    student: Any, views: Views, measure: str, reported: list[float]
) -> None:
    """Those of the fine-tuning for int8, which have an agreement with float, are not."""
    progress, once = Reported(), replace(STAGE, epochs=1, steps=1)
    fit(student, views, once, {"loss": 1.0, measure: 1.0}, progress)
    assert [row["validation_accuracy"] for row in progress.rows] == reported


def test_a_spatial_stage_leaves_the_other_layers(student: Any, views: Views) -> None:
    before = [w.copy() for w in student.get_weights()]
    spatial = GroupStage("spatial", 1, 2, 8, 1e-2, 0.0, 0.1, 1.0)
    fit(student, views, spatial)
    for old, new in zip(before, student.get_weights(), strict=True):  # it has no depthwise layer
        np.testing.assert_array_equal(old, new)


def test_kinds_get_rows_of_their_own(student: Any, views: Views) -> None:
    fit(student, views, STAGE)
    head = student.get_layer("imagenet").get_weights()
    kernel, bias = with_kinds(student, views, 1)
    assert kernel.shape == (12, imagenet.CLASSES + 1)
    np.testing.assert_array_equal(kernel[:, :-1], head[0])
    np.testing.assert_array_equal(bias[:-1], head[1])
    both = keras.Model(student.input, student.get_layer("features").output)
    own = both.predict((views.pixels.astype(np.float32) - 128) / 128, verbose=0) @ kernel[:, -1] + bias[-1]
    assert own[views.kinds == 0].min() > own[views.kinds < 0].max()


def test_classes_keep_the_order_of_their_sums(student: Any, views: Views) -> None:
    fit(student, views, replace(STAGE, epochs=12))
    recipe = train.read_recipe(models_dir() / "everyday-v1-025-96" / "recipe.toml")
    kernel, bias = student.get_layer("imagenet").get_weights()
    head = merge_rows(GroupHead(kernel, bias, GROUPS), {}, seed=1)
    labels = np.array([0, 1, -1])[np.arange(120) % 3]
    assert isinstance(recipe, train.GroupRecipe)
    validation = Validation("these", [Path("photo")] * 120, views.pixels, labels)
    trained = with_classes(student, recipe, head, validation, views.pixels, [], silent())
    pixels = (views.pixels.astype(np.float32) - 128) / 128
    answer = trained.network.predict(pixels, verbose=0)
    sums = softmax(student.predict(pixels, verbose=0).astype(np.float64))
    expected = np.zeros((120, 20))
    expected[:, 0], expected[:, 1] = sums[:, 1], sums[:, 2]
    np.testing.assert_allclose(answer, softmax(expected / trained.temperature), atol=1e-5)
    confident = answer.max(axis=1) >= trained.unknown_below
    assert confident[labels >= 0].mean() > 0.9
    assert confident[labels < 0].mean() < 0.1


def test_batches_are_mixed_reproducibly(views: Views) -> None:
    first, second = batches(views, STAGE, [9, 0]), batches(views, STAGE, [9, 0])
    x, y = first[3]
    np.testing.assert_array_equal(x, second[3][0])
    np.testing.assert_allclose(y.sum(axis=1), 1, atol=0.02)
    assert x.shape == (16, 8, 8, 3)
    assert np.abs(x).max() <= 1
    assert (batches(views, STAGE, [9, 1])[3][0] != x).any()


def test_jitter_of_strength_0_only_mirrors() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (64, 4, 6, 3), dtype=np.uint8)
    plain = (pixels.astype(np.float32) - 128) / 128
    same = mirrored = 0
    for varied, expected in zip(jitter(pixels, np.random.default_rng(2), 0.0), plain, strict=True):
        if np.allclose(varied, expected, atol=1e-4):
            same += 1
        elif np.allclose(varied, expected[:, ::-1], atol=1e-4):
            mirrored += 1
    assert same + mirrored == 64
    assert min(same, mirrored) > 16


@pytest.fixture
def photos(data: Path, tmp_path: Path) -> Path:
    """ImageNet's samples with their labels, and some flowers, in folders as groups.toml names them."""
    pictures, flowers = tmp_path / "photos" / "pictures", tmp_path / "photos" / "flowers"
    pictures.mkdir(parents=True)
    lines = (data / "images" / "imagenet_samples" / "labels.txt").read_text().splitlines()
    chosen = [*lines[:30:2], *lines[300:900:40]]
    for line in chosen:
        (pictures / line.split()[0]).symlink_to(data / "images" / "imagenet_samples" / line.split()[0])
    (pictures / "labels.txt").write_text("\n".join(chosen))
    for kind in ("roses", "tulips"):
        (flowers / kind).mkdir(parents=True)
        for path in sorted((data / "images" / "flowers" / "train" / kind).iterdir())[:8]:
            (flowers / kind / path.name).symlink_to(path)
    return tmp_path / "photos"


def test_teachers_answer_once(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Soft targets are what Keras's own network says, and are read from the cache from then on."""
    monkeypatch.setenv("GALAGO_CACHE", str(tmp_path / "cache"))
    recipe = train.read_recipe(RECIPE)
    assert isinstance(recipe, train.GroupRecipe)
    view = np.random.default_rng(4).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    first = SoftTargets(recipe, photos)
    first.add([(view, "stretch")])
    answer = first.result()
    teacher = keras.applications.MobileNet((128, 128, 3), alpha=0.25)
    smaller = keras.applications.MobileNet((64, 64, 3), alpha=0.25, weights=None)
    smaller.set_weights(teacher.get_weights())
    expected = smaller.predict((view[None].astype(np.float32) - 128) / 128, verbose=0)
    np.testing.assert_allclose(answer, expected, atol=1e-3)
    again = SoftTargets(recipe, photos)
    again.add([(255 - view, "stretch")])
    np.testing.assert_array_equal(again.result(), answer)


def test_a_shortened_student_learns_its_head_anew(data: Path) -> None:
    """Its last block has other features than those that ImageNet's head knows."""
    recipe = train.read_recipe(RECIPE)
    assert isinstance(recipe, train.GroupRecipe)
    short = imagenet_student(replace(recipe, blocks=3))
    assert short.get_layer("imagenet").get_weights()[0].shape == (32, imagenet.CLASSES)


def test_a_recipe_becomes_a_model(photos: Path, tmp_path: Path) -> None:
    """The command trains from photos to a model directory, with Keras's weights from the test data."""
    command = ["train", RECIPE, "--data", photos, "-o", tmp_path / "tiny"]
    process = subprocess.run(
        [sys.executable, "-m", "galago", *map(str, command)],
        env={**os.environ, "GALAGO_CACHE": str(own_cache(tmp_path / "cache"))},
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    model = models.ModelDirectory.open(tmp_path / "tiny")
    assert model.labels == ["fish", "bird", "flower"]
    assert len(list((tmp_path / "cache" / "teachers").iterdir())) == 1
    assert (tmp_path / "tiny" / "report.html").stat().st_size > 10_000
    # A 32-pixel network after three steps: int8 loses enough to be fine-tuned; the better of both is used.
    losses = json.loads((tmp_path / "tiny" / "report.json").read_text())["quantization"]
    before, after = losses["int8"], losses["tuned"]
    better = after["accuracy"] >= before["accuracy"] and after["moved"] < before["moved"]
    assert after["kept"] == better
    assert "fine-tuning for int8" in process.stderr
