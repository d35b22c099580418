# SPDX-License-Identifier: MIT
"""Every verb that takes a model takes a shipped name, a zoo name or a directory, and refuses others alike."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from galago import boards, imagenet, models, zoo
from galago.cli import app
from galago.emulator import EmulatedBoard
from galago.errors import GalagoError
from galago.train.pipeline import WORK

SHIPPED, ZOO = "everyday-v1-025-96", "imagenet-v1-025-128"
VERBS = ("classify", "bench", "evaluate", "fit", "flash", "compile")


@pytest.fixture(scope="module")
def board() -> Iterator[EmulatedBoard]:
    with EmulatedBoard(boards.load("RPI_PICO2")) as emulated:
        yield emulated


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of photos with two classes of the shipped model."""
    folder = tmp_path_factory.mktemp("photos")
    for label, color in (("cat", "grey"), ("cup", "white")):
        (folder / label).mkdir()
        Image.new("RGB", (96, 96), color).save(folder / label / "photo.png")
    return folder


def arguments(verb: str, model: str, port: str, photos: Path) -> list[str]:
    """A command line of a verb with a model, with as little work as possible."""
    return {
        "classify": ["--model", model, "--port", port, str(photos / "cat" / "photo.png")],
        "bench": [model, "--port", port, "--runs", "1"],
        "evaluate": [model, str(photos), "--on", "int8"],
        "fit": [model, "--board", "RPI_PICO2"],
        "flash": [model, "--port", port],
        "compile": [model, "--inspect"],
    }[verb]


def refused(verb: str, model: str, photos: Path) -> GalagoError:
    """The error of a verb with a model that cannot be opened; the port is never used."""
    error = CliRunner().invoke(app, [verb, *arguments(verb, model, "none", photos)]).exception
    assert isinstance(error, GalagoError)
    assert "\n" not in error.message
    return error


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("kind", ["shipped", "directory", "zoo"])
def test_every_verb_takes_every_kind_of_model(
    verb: str, kind: str, board: EmulatedBoard, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = SHIPPED
    if kind == "directory":
        model = str(shutil.copytree(models.find(SHIPPED).path, tmp_path / "copy"))
    if kind == "zoo":  # one that was built before
        monkeypatch.setenv("GALAGO_CACHE", str(tmp_path))
        shutil.copytree(models.find(SHIPPED).path, zoo.cache_path(ZOO))
        model = ZOO
    done = CliRunner().invoke(
        app, [verb, *arguments(verb, model, board.port, photos)], env={"COLUMNS": "200"}
    )
    assert done.exit_code == 0, (done.output, done.exception)


@pytest.mark.parametrize("verb", VERBS)
def test_an_unknown_name_gets_a_hint(verb: str, photos: Path) -> None:
    error = refused(verb, "everyday-v1-025-69", photos)
    assert error.code == "model.missing"
    assert SHIPPED in error.message


@pytest.mark.parametrize("verb", VERBS)
def test_a_name_that_the_zoo_does_not_have_is_refused_by_the_zoo(verb: str, photos: Path) -> None:
    error = refused(verb, "imagenet-v1-030-128", photos)
    assert error.code == "model.missing"
    assert "galago zoo lists" in error.message


def test_a_training_that_has_not_ended_is_named(photos: Path, tmp_path: Path) -> None:
    (tmp_path / WORK).mkdir()
    error = refused("fit", str(tmp_path), photos)
    assert error.code == "model.missing"
    assert "its training has not ended" in error.message


@pytest.mark.slow  # Keras looks for them
@pytest.mark.parametrize("verb", VERBS)
def test_missing_zoo_weights_are_named_with_their_download(
    verb: str, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("keras", reason="needs the extra `train`")

    def offline(**options: object) -> None:
        raise OSError("no network")

    monkeypatch.setenv("GALAGO_CACHE", str(tmp_path))
    monkeypatch.setattr(imagenet, "application", lambda architecture: offline)
    error = refused(verb, ZOO, photos)
    assert error.code == "train.weights"
    assert "download https://" in error.message
    assert "mobilenet_2_5_128_tf.h5" in error.message
