# SPDX-License-Identifier: MIT
"""What the process of a trial makes, `galago train` makes of its recipe, byte for byte and without Ray."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support.requirements import extra_module

extra_module("keras", extra="train")

pytestmark = pytest.mark.slow

RECIPE = """
name = "colours"
photos = {photos}
architecture = "mobilenet_v1"
alpha = 0.25
size = 32
pretrained_size = 0
blocks = 2
threads = 1
stages = [{{layers = "all", epochs = 1, learning_rate = 1e-3}}]
fine_tuning = {{epochs = 0}}
"""


def test_a_recipe_repeats_a_trial(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    for name, colour in {"blue": (40, 60, 200), "red": (200, 50, 40)}.items():
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(12):
            pixels = np.clip(random.normal(colour, 50, (40, 52, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number:02}.png")
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.format(photos=f'"{tmp_path / "photos"}"'), encoding="utf-8")
    trial = [sys.executable, "-m", "galago.sweep.training", str(recipe), str(tmp_path / "trial")]
    done = subprocess.run(trial, capture_output=True, text=True, check=True)
    assert done.stdout.startswith('{"epoch": {')
    again = ["train", str(tmp_path / "trial" / "recipe.toml"), "-o", str(tmp_path / "again")]
    subprocess.run([sys.executable, "-m", "galago", *again], capture_output=True, check=True)
    for file in ("model.tflite", "model.json", "recipe.toml"):
        assert (tmp_path / "trial" / file).read_bytes() == (tmp_path / "again" / file).read_bytes(), file
