# SPDX-License-Identifier: MIT
"""Ctrl-C while `galago train` runs: a clear end, and the same command goes on to the same model."""

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
"""What the command says when it is interrupted: before an epoch is finished, and after."""


def photos(folder: Path) -> Path:
    """Two classes of twelve photos, which a colour tells apart."""
    random = np.random.default_rng(5)
    for name, colour in {"blue": (40, 60, 200), "red": (200, 50, 40)}.items():
        (folder / name).mkdir(parents=True)
        for number in range(12):
            pixels = np.clip(random.normal(colour, 50, (40, 52, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number:02}.png")
    return folder


def train(folder: Path, out: Path, moment: str | None) -> tuple[int, str]:
    """Runs the command, with a Ctrl-C as soon as it says `moment`; its exit status and what it said."""
    options = ["--from-scratch", "--size", "64", "--epochs", "3", "--name", "colours", "-o", str(out)]
    command = [sys.executable, "-m", "galago", "train", str(folder), *options]
    said = ""
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        for line in process.stderr:
            said += line
            if moment and moment in line:
                os.kill(process.pid, signal.SIGINT)
                moment = None
        status = process.wait(timeout=120)
    return status, said


def test_ctrl_c_loses_nothing(tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos")
    status, said = train(folder, tmp_path / "whole", None)
    assert status == 0, said
    for moment in MOMENTS:
        status, said = train(folder, tmp_path / "stopped", moment)
        assert status == 130, said
        assert "Traceback" not in said
        goes_on = "starts again" if moment == MOMENTS[0] else "goes on from the last epoch"
        assert f"interrupted; the same command {goes_on}" in said
    status, said = train(folder, tmp_path / "stopped", None)
    assert status == 0, said
    assert "goes on after epoch" in said
    assert "epoch 1 of 3" not in said
    for file in ("model.tflite", "model.json", "recipe.toml"):
        assert (tmp_path / "stopped" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes(), file
    assert not (tmp_path / "stopped" / ".training").exists()
