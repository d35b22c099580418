# SPDX-License-Identifier: MIT
"""galago inspect: sheets of feature maps, and the values of the last layer."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from galago import inspect, models
from galago.cli import app
from galago.errors import GalagoError
from galago.inspect import WIDTH, Layer, sheet
from galago.pictures import as_board
from galago.tflite.tflm import Tflm

MODEL = models.find("flowers-v1-025-96")


def test_a_sheet_has_each_map_in_its_place() -> None:
    maps = np.random.default_rng(0).integers(-128, 128, (3, 4, 7)).astype(np.int8)
    maps[..., 2] = 5  # a silent map
    image = np.asarray(sheet(Layer(1, "conv_2d", maps)))
    zoom = WIDTH // 16  # three columns of 4 pixels and a gap, and a gap before them
    small = image[::zoom, ::zoom]
    assert small.shape == (13, 16)
    for channel in range(7):
        top, left = (channel // 3) * 4 + 1, (channel % 3) * 5 + 1
        shown = small[top : top + 3, left : left + 4].astype(int)
        values = maps[..., channel].astype(int)
        if channel == 2:
            assert not shown.any()
        else:
            expected = (values - values.min()) / (values.max() - values.min()) * 255
            assert np.abs(shown - expected).max() < 1
    assert (small[0] == 64).all()


def test_every_layer_of_a_model(tmp_path: Path) -> None:
    picture = tmp_path / "noise.png"
    noise = np.random.default_rng(1).integers(0, 256, (120, 100, 3), np.uint8)
    Image.fromarray(noise).save(picture)
    done = CliRunner().invoke(app, ["inspect", str(MODEL.path), str(picture), "-o", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    scores = Tflm(MODEL.tflite.read_bytes()).run(as_board(picture, 96, 96)).ravel()
    best = int(np.argmax(scores))
    line = f"number {best} is {scores[best]}, {(int(scores[best]) + 128) / 256:.3f}: {MODEL.labels[best]}"
    assert line in done.output.splitlines()
    sheets = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert sheets[:2] == ["01-conv_2d.png", "02-depthwise_conv_2d.png"]
    assert all(name in done.output for name in sheets)


def test_a_board_shows_its_own_tensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Printed in several pieces, and compared with TensorFlow Lite Micro's."""
    monkeypatch.setattr(inspect, "_WINDOW", 10_000)
    picture = tmp_path / "noise.ppm"
    noise = np.random.default_rng(2).integers(0, 256, (96, 96, 3), np.uint8)
    Image.fromarray(noise).save(picture)
    command = ["inspect", str(MODEL.path), str(picture), "--board", "RPI_PICO2", "-o", str(tmp_path)]
    done = CliRunner().invoke(app, [*command, "--layer", "3"])
    assert done.exit_code == 0, done.output
    file = tmp_path / "03-conv_2d.png"
    assert done.stdout.split() == ["3", "conv_2d", "48x48x16", "equal", str(file)]
    tensors = Tflm(MODEL.tflite.read_bytes()).tensors(as_board(picture, 96, 96))
    with Image.open(file) as image:
        expected = sheet(Layer(3, "conv_2d", list(tensors.values())[2][0]))
        assert np.array_equal(np.asarray(image), np.asarray(expected))


def test_a_layer_that_is_not_there(tmp_path: Path) -> None:
    Image.new("RGB", (9, 9)).save(tmp_path / "grey.png")
    with pytest.raises(GalagoError, match="expected --layer 1 to 30, got 99"):
        CliRunner().invoke(
            app,
            ["inspect", str(MODEL.path), str(tmp_path / "grey.png"), "--layer", "99"],
            catch_exceptions=False,
        )
