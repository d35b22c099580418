# SPDX-License-Identifier: MIT
"""Ctrl-C ends `galago train` cleanly; the same command then makes the same model as a trial of a sweep.

So neither an interruption nor the process of a trial, without Ray, changes a byte.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from support.requirements import extra_module

extra_module("keras", extra="train")

MOMENTS = ("to train on", "epoch 2 of 3")
"""Output at which the command is interrupted: before the first epoch is finished, and after."""

RECIPE = """
name = "colours"
photos = '{photos}'
architecture = "mobilenet_v1"
alpha = 0.25
size = 32
pretrained_size = 0
blocks = 2
threads = 1
stages = [{{layers = "all", epochs = 3, learning_rate = 1e-3}}]
fine_tuning = {{epochs = 0}}
"""


def photos(folder: Path) -> None:
    """Twelve photos of each of two classes that differ in colour."""
    random = np.random.default_rng(5)
    for name, colour in {"blue": (40, 60, 200), "red": (200, 50, 40)}.items():
        (folder / name).mkdir(parents=True)
        for number in range(12):
            pixels = np.clip(random.normal(colour, 50, (40, 52, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number:02}.png")


def trial(folder: Path) -> Path:
    """What the process of a sweep's trial makes of the recipe."""
    photos(folder / "photos")
    recipe = folder / "colours.toml"
    recipe.write_text(RECIPE.format(photos=folder / "photos"), encoding="utf-8")
    command = [sys.executable, "-m", "galago.sweep.training", str(recipe), str(folder / "trial")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith('{"epoch": {')
    return folder / "trial"


def train(recipe: Path, out: Path, moment: str | None) -> tuple[int, str]:
    """Runs the command, with a Ctrl-C as soon as it prints `moment`; returns exit status and stderr."""
    command = [sys.executable, "-m", "galago", "train", str(recipe), "-o", str(out)]
    output = ""
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        for line in process.stderr:
            output += line
            if moment and moment in line:
                os.kill(process.pid, signal.SIGINT)
                moment = None
        status = process.wait(timeout=1800)
    return status, output


def test_ctrl_c_loses_nothing(tmp_path: Path) -> None:
    whole, stopped = trial(tmp_path), tmp_path / "stopped"
    for moment in MOMENTS:
        status, output = train(whole / "recipe.toml", stopped, moment)
        assert status == 130, output
        assert "Traceback" not in output
        effect = "starts again" if moment == MOMENTS[0] else "continues after the last epoch"
        assert f"interrupted; the same command {effect}" in output
    status, output = train(whole / "recipe.toml", stopped, None)
    assert status == 0, output
    assert "resuming after epoch" in output
    assert "epoch 1 of 3" not in output
    for file in ("model.tflite", "model.json", "recipe.toml"):
        assert (stopped / file).read_bytes() == (whole / file).read_bytes(), file
    assert not (stopped / ".training").exists()
