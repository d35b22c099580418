# SPDX-License-Identifier: MIT
"""Complete models: every tensor for every input equals TensorFlow Lite Micro's, in half of its memory."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from galago.resources import models_dir
from galago.tflite import engine
from galago.tflite.tflm import Tflm
from support import mobilenets

SHIPPED = sorted(models_dir().glob("*/model.tflite"))


def pictures(shape: tuple[int, ...], count: int, photos: Path | None = None) -> np.ndarray:
    """Returns int8 inputs of all kinds: photos, noise, flat colours, extremes."""
    rng = np.random.default_rng(7)
    found = sorted(p for p in photos.rglob("*") if p.suffix.lower() in (".jpg", ".png")) if photos else []
    inputs = np.empty((count, *shape[1:]), np.int8)
    for i in range(count):
        kind = i % 4
        if kind == 0 and found and shape[3] == 3:
            with Image.open(found[i % len(found)]) as image:
                fitted = image.convert("RGB").resize((shape[2], shape[1]))
            inputs[i] = (np.asarray(fitted, np.int16) - 128).astype(np.int8)
        elif kind == 1:
            inputs[i] = rng.choice(np.array([-128, 127], np.int8), shape[1:])
        elif kind == 2:
            inputs[i] = rng.integers(-128, 128)
        else:
            inputs[i] = rng.integers(-128, 128, shape[1:])
    return inputs


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_shipped_models_are_exact(path, exact) -> None:
    model = path.read_bytes()
    exact([(model, pictures(Tflm(model).input_shape, 100))])


@pytest.mark.parametrize("name", ["vww_96_int8", "pretrainedResnet_quant", "person_detect"])
def test_known_models_are_exact(data, exact, name) -> None:
    model = (data / "weights" / f"{name}.tflite").read_bytes()
    exact([(model, pictures(Tflm(model).input_shape, 200, data / "images" / "photos"))])


@pytest.mark.parametrize("name", mobilenets.NETWORKS)
def test_larger_networks_are_exact_in_half_of_tflms_arena(data, exact, pytestconfig, name) -> None:
    model = mobilenets.model(name, data, pytestconfig.cache.mkdir("mobilenets"))
    oracle, plan = Tflm(model), engine.plan(model)
    assert plan.arena + plan.stream_buffer <= oracle.arena_bytes / 2
    photos = data / "images" / "imagenet_val650"
    exact([(model, pictures(oracle.input_shape, mobilenets.NETWORKS[name][3], photos))])
