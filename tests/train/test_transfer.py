# SPDX-License-Identifier: MIT
"""Training on folders of photos: splits, augmentation, interruption, and all kinds of bad folders."""

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from galago import lazy_tensorflow, train
from galago.errors import GalagoError
from galago.resources import models_dir
from galago.tflite.arithmetic import softmax
from galago.train import head, network
from galago.train.augment import augmenter
from galago.train.checkpoint import Checkpoint, State
from galago.train.confidence import TEMPERATURES, log_loss, unknown_threshold
from galago.train.photo_cache import read_photos
from galago.train.pipeline import run_recipe
from galago.train.recipe import Augment, PhotoRecipe, PhotoStage
from support.requirements import extra_module

keras = extra_module("keras", extra="train")

NOTHING = Augment(
    area=(1.0, 1.0),
    aspect=1.0,
    mirror=False,
    **dict.fromkeys(("brightness", "contrast", "saturation", "hue", "gain", "blur", "noise", "rgb565"), 0.0),
)
COLOURS = {"blue": (40, 60, 200), "green": (40, 180, 60), "red": (200, 50, 40)}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """24 photos of each of three classes that differ in colour, with noise and a patch."""
    random = np.random.default_rng(5)
    for name, colour in COLOURS.items():
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(24):
            pixels = np.clip(random.normal(colour, 50, (40, 52, 3)), 0, 255).astype(np.uint8)
            y, x = random.integers(0, 28, 2)
            pixels[y : y + 12, x : x + 12] = random.integers(0, 256, 3)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number:02}.png")
    return tmp_path / "photos"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body of one convolution in place of a MobileNet: the method is the same, and fast."""

    def body(architecture: str, alpha: float, size: int, pretrained_size: int, blocks: int = 0) -> Any:
        picture = keras.Input((size, size, 3))
        x = keras.layers.Conv2D(8, 3, strides=2, use_bias=False, name="conv")(picture)
        x = keras.layers.ReLU(6.0)(keras.layers.BatchNormalization(momentum=0.8)(x))
        return keras.Model(picture, keras.layers.GlobalAveragePooling2D(name="features")(x), name="body")

    monkeypatch.setattr(network, "body", body)


def recipe(photos: Path, **changes: Any) -> PhotoRecipe:
    stages = (PhotoStage("head", 4, 1e-2), PhotoStage("all", 5, 5e-3, patience=5))
    settings = {"validation": 0.2, "batch": 8, "stages": stages} | changes
    return PhotoRecipe("tiny", str(photos), "mobilenet_v1", 0.25, 24, 128, **settings)


def progress() -> train.Progress:
    return train.Progress(Console(quiet=True))


class StoppedError(Exception):
    """Stands for Ctrl-C between two epochs."""


def test_paths_are_checked_before_training(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "run", lambda *_: pytest.fail("it trains"))
    (tmp_path / "other" / "fish").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "other" / "fish" / "1.png")
    (tmp_path / "file").touch()
    for test, out, code in (
        (tmp_path / "kpet", tmp_path / "out", "dataset.missing"),
        (tmp_path / "other", tmp_path / "out", "model.labels"),
        (photos, tmp_path / "file", "disk.full"),
    ):
        with pytest.raises(GalagoError) as caught:
            run_recipe(recipe(photos, test=str(test)), Path(), out, progress())
        assert caught.value.code == code


@pytest.mark.usefixtures("small")
def test_an_interrupted_training_ends_with_the_same_weights(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train.run(recipe(photos), "", tmp_path / "one", progress())
    saved = Checkpoint.save

    def save(self: Checkpoint, state: State) -> None:
        saved(self, state)
        if state.epoch == 2:
            raise StoppedError

    monkeypatch.setattr(Checkpoint, "save", save)
    with pytest.raises(StoppedError):
        train.run(recipe(photos), "", tmp_path / "two", progress())
    monkeypatch.setattr(Checkpoint, "save", saved)
    resumed = train.run(recipe(photos), "", tmp_path / "two", progress())
    for a, b in zip(whole.network.get_weights(), resumed.network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert whole.history == resumed.history
    assert [row["epoch"] for row in whole.history] == [1, 2, 3, 4, 5]
    # It learned something: chance is a third.
    answer = whole.network.predict((whole.validation.pixels.astype(np.float32) - 128) / 128, verbose=0)
    assert (answer.argmax(axis=1) == whole.validation.labels).mean() > 0.8
    np.testing.assert_allclose(answer.sum(axis=1), 1, atol=1e-5)


@pytest.mark.usefixtures("small")
def test_a_full_disk_costs_the_checkpoint_only(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    state = State(epoch=1, variables=[np.arange(4.0)], history=[{"loss": 1.0}])
    checkpoint = Checkpoint(tmp_path / "work", "key", lines.append)
    checkpoint.save(state)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "savez", full)
    state.epoch = 2
    checkpoint.save(state)
    assert len(lines) == 1
    assert "No space left" in lines[0]
    loaded = checkpoint.load()
    assert loaded is not None
    assert loaded.epoch == 1
    np.testing.assert_array_equal(loaded.variables[0], np.arange(4.0))
    assert Checkpoint(tmp_path / "work", "another", lines.append).load() is None
    (tmp_path / "work" / "state.npz").write_bytes(b"PK\x03\x04 half of a file")
    assert checkpoint.load() is None


def test_a_disk_without_room_for_the_photos_is_reported(photos: Path) -> None:
    """/dev/full refuses every byte, like a full disk."""
    work = photos.parent / "work"
    work.mkdir()
    (work / "squares.u8").symlink_to("/dev/full")
    with pytest.raises(GalagoError, match="No space left") as caught:
        read_photos(photos, recipe(photos), work, progress())
    assert caught.value.code == "disk.full"


def test_bad_pictures_are_skipped_and_odd_ones_converted(photos: Path, tmp_path: Path) -> None:
    red = photos / "red"
    (red / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    (red / "text.png").write_text("no picture")
    grey = np.random.default_rng(0).integers(0, 65536, (40, 40), np.uint16)
    Image.fromarray(grey).save(red / "sixteen.png")
    Image.new("CMYK", (40, 40), (0, 200, 200, 10)).save(red / "print.jpg")
    frames = [Image.new("P", (40, 40), i) for i in range(3)]
    frames[0].save(red / "moving.gif", save_all=True, append_images=frames[1:])
    cache = read_photos(photos, recipe(photos), tmp_path / "work", progress())
    assert len(cache.skipped) == 2
    assert any("broken.jpg" in line for line in cache.skipped)
    assert any("text.png" in line for line in cache.skipped)
    names = [path.name for path in cache.paths]
    assert {"sixteen.png", "print.jpg", "moving.gif"} <= set(names)
    assert len(cache.labels) == 3 * 24 + 3
    # CMYK ink without black: red, converted as Pillow does.
    pixel = cache.inputs[names.index("print.jpg")][12, 12].astype(int)
    assert pixel[0] > 200 > pixel[1]
    assert cache.squares.shape[:2] == (75, 3)


def test_bad_folders_are_refused_by_name(photos: Path, tmp_path: Path) -> None:
    def code_of(folder: Path) -> tuple[str, str]:
        with pytest.raises(GalagoError) as caught:
            read_photos(folder, recipe(folder), tmp_path / "work", progress())
        return caught.value.code, caught.value.message

    (photos / "white").mkdir()
    (photos / "white" / "only.jpg").write_bytes(b"not one")
    code, message = code_of(photos)
    assert (code, "white" in message) == ("dataset.classes", True)
    one = tmp_path / "one"
    one.mkdir()
    (photos / "red").rename(one / "red")
    code, message = code_of(one)
    assert (code, "got one class (red)" in message) == ("dataset.classes", True)
    (one / "empty").mkdir()
    code, message = code_of(one)
    assert (code, "empty" in message) == ("dataset.classes", True)


@pytest.mark.usefixtures("small")
def test_three_photos_of_a_class_are_enough(photos: Path, tmp_path: Path) -> None:
    for path in sorted((photos / "red").iterdir())[3:]:
        path.unlink()
    lines: list[str] = []
    quiet_progress = progress()
    quiet_progress.say = lines.append  # type: ignore[method-assign]
    trained = train.run(recipe(photos), "", tmp_path / "work", quiet_progress)
    assert any("red: only 3 photos" in line for line in lines)
    assert trained.names == ["blue", "green", "red"]
    assert (trained.validation.labels == 2).sum() == 1


def test_rare_classes_are_drawn_more_often() -> None:
    labels = np.repeat([0, 1, 2], [100, 50, 5])
    probabilities = head.balanced(labels)
    shares = [probabilities[labels == i].sum() for i in range(3)]
    assert abs(shares[0] - shares[1]) < 1e-9
    assert 0.1 < shares[2] / shares[0] < 0.3  # four times as often, not twenty
    assert abs(probabilities.sum() - 1) < 1e-9


@pytest.fixture
def seeds() -> Any:
    return keras.random.SeedGenerator(3)


def test_augmentation_without_changes_keeps_the_picture(seeds: Any) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (3, 16, 16, 3)).astype(np.float32)
    augmented = np.asarray(augmenter(NOTHING, 16, seeds)(pixels))
    np.testing.assert_allclose(augmented, (pixels - 128) / 128, atol=1 / 128 + 1e-6)


def test_augmentation_repeats_with_its_seed_and_stays_in_range(seeds: Any) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (8, 20, 20, 3)).astype(np.float32)
    augment = augmenter(Augment(), 16, seeds)
    state = np.array(seeds.state)
    first = np.asarray(augment(pixels))
    second = np.asarray(augment(pixels))
    seeds.state.assign(state)
    np.testing.assert_array_equal(np.asarray(augment(pixels)), first)
    assert np.abs(first - second).max() > 0.1
    assert first.shape == (8, 16, 16, 3)
    assert first.min() >= -1
    assert first.max() <= 1


def test_rgb565_has_32_64_and_32_steps(seeds: Any) -> None:
    only = replace(NOTHING, rgb565=1.0)
    pixels = np.arange(256, dtype=np.float32).repeat(3).reshape(1, 16, 16, 3)
    augmented = np.asarray(augmenter(only, 16, seeds)(pixels)).reshape(-1, 3)
    assert [len(np.unique(augmented[:, channel])) for channel in range(3)] == [32, 64, 32]


def test_blur_spreads_a_point_over_its_neighbours(seeds: Any) -> None:
    pixels = np.zeros((1, 16, 16, 3), np.float32)
    pixels[0, 5, 9] = 255
    blurred = np.asarray(augmenter(replace(NOTHING, blur=1.0), 16, seeds)(pixels)) * 128 + 128
    strength = (255 - blurred[0, 5, 9, 0]) / (255 * 0.75)
    spread = np.outer([1, 2, 1], [1, 2, 1]) / 16 * strength
    spread[1, 1] += 1 - strength
    np.testing.assert_allclose(blurred[0, 4:7, 8:11, 0], 255 * spread, atol=1)
    assert strength > 0.1


def test_the_best_temperature_undoes_a_scale() -> None:
    """For labels drawn from softmax(z), the best temperature of the logits 2 z is 2."""
    random = np.random.default_rng(2)
    logits = random.normal(0, 2, (4000, 5))
    drawn = np.array([random.choice(5, p=p) for p in softmax(logits)])
    best = min(TEMPERATURES, key=lambda t: log_loss(softmax(2 * logits / t), drawn))
    assert 1.8 < best < 2.2


def test_the_threshold_keeps_nineteen_of_twenty() -> None:
    confidence = np.concatenate([np.linspace(0.005, 0.995, 100), np.zeros(50)])
    inside = np.arange(150) < 100
    threshold = unknown_threshold(confidence, inside)
    assert (confidence[inside] >= threshold).sum() == 95
    assert threshold == round(threshold, 2)


@pytest.mark.parametrize("architecture", ["mobilenet_v1", "mobilenet_v2"])
def test_bodies_compute_what_keras_applications_computes(architecture: str) -> None:
    """With the same weights, the features are equal with and without padding layers."""
    keras_ = lazy_tensorflow.keras()
    from galago import imagenet

    keras_.utils.set_random_seed(4)
    body = network.body(architecture, 0.35, 64, 0)
    original = imagenet.application(architecture)(
        input_shape=(64, 64, 3), alpha=0.35, weights=None, include_top=False, pooling="avg"
    )
    original.set_weights(body.get_weights())
    pictures = np.random.default_rng(0).uniform(-1, 1, (2, 64, 64, 3)).astype(np.float32)
    np.testing.assert_allclose(
        body.predict(pictures, verbose=0), original.predict(pictures, verbose=0), rtol=1e-3, atol=1e-5
    )
    assert not any(isinstance(layer, keras_.layers.ZeroPadding2D) for layer in body.layers)


def test_a_short_body_is_the_beginning_of_the_whole_one() -> None:
    keras_ = lazy_tensorflow.keras()
    whole, short = (network.body("mobilenet_v1", 0.25, 32, 0, blocks) for blocks in (0, 3))
    short.set_weights(whole.get_weights()[: len(short.weights)])
    cut = keras_.Model(whole.input, whole.get_layer("conv_pw_3_relu").output)
    pictures = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)
    expected = cut.predict(pictures, verbose=0).mean(axis=(1, 2))
    np.testing.assert_allclose(short.predict(pictures, verbose=0), expected, rtol=1e-4, atol=1e-6)
    with pytest.raises(GalagoError, match="only mobilenet_v1 can be shortened"):
        network.body("mobilenet_v2", 0.35, 32, 0, blocks=3)


def test_a_trained_body_goes_on_at_another_size(tmp_path: Path) -> None:
    trained = network.classifier(network.body("mobilenet_v1", 0.25, 32, 0), 3)
    trained.save(tmp_path / "float.keras")
    body = network.body("mobilenet_v1", 0.25, 64, 0)
    network.take_over(body, tmp_path)
    for mine, theirs in zip(body.get_weights(), trained.get_weights()[:-2], strict=True):
        np.testing.assert_array_equal(mine, theirs)
    with pytest.raises(GalagoError) as caught:
        network.take_over(network.body("mobilenet_v1", 0.5, 32, 0), tmp_path)
    assert caught.value.code == "train.weights"
    with pytest.raises(GalagoError) as caught:
        network.take_over(body, tmp_path / "none")
    assert caught.value.code == "model.missing"


def test_a_short_network_starts_from_the_first_blocks_of_a_shipped_model(
    photos: Path, tmp_path: Path
) -> None:
    only_head = (PhotoStage("head", 1, 1e-2),)
    short = replace(recipe(photos, start="flowers-v1-025-96", blocks=2, stages=only_head), size=32)
    trained = train.run(short, "", tmp_path / "work", progress()).network
    shipped = keras.models.load_model(models_dir() / "flowers-v1-025-96" / "float.keras", compile=False)
    layers = [layer for layer in trained.layers if layer.weights and layer.name != "classes"]
    assert layers[-1].name == "conv_pw_2_bn"
    for layer in layers:
        expected = shipped.get_layer(layer.name).get_weights()
        for mine, theirs in zip(layer.get_weights(), expected, strict=True):
            np.testing.assert_array_equal(mine, theirs)
    with pytest.raises(GalagoError) as caught:
        train.run(replace(short, start="no-such-model"), "", tmp_path / "other", progress())
    assert caught.value.code == "model.missing"
