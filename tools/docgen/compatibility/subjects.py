# SPDX-License-Identifier: MIT
"""The models of docs/runtimes.md: the shipped ones, and some of the zoo that are built for it.

    for model in subjects(data, folder, print): ...       # ModelDirectory

`data` is a folder with photos (images/) and Keras's cache (keras/); without it zoo models are skipped, with a
line. Each comes with what nncase wants beside the .tflite, where its float network is at hand.
"""

import os
import shutil
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from galago import dataset, lazy_tensorflow, models, quantize, zoo
from galago.evaluate.answers import FLOAT
from galago.models import ModelDirectory
from galago.runtimes import canmv_k230
from galago.train import network as networks

ZOO = ("imagenet-v1-025-128", "imagenet-v1-050-160")
V2 = "untrained-v2-100-96"
"""MobileNetV2 as ImageNet left it, with a new head of 20 classes that has learned nothing."""
_PHOTOS = "images/imagenet_samples"  # to calibrate with, unless a recipe names others


def subjects(
    data: Path, folder: Path, say: Callable[[str], None], names: Sequence[str] = ()
) -> Iterator[ModelDirectory]:
    """Those named, or all; made in `folder` where something has to be made."""
    use_cache(data, folder)
    for name in names or (*models.shipped_names(), *ZOO, V2):
        if name != V2 and name not in zoo.names():
            yield with_float(models.find(name), data, folder)
        elif not zoo.here("imagenet-v2-100-224" if name == V2 else name) or not (data / _PHOTOS).is_dir():
            say(f"{name}: skipped, its weights or the photos to calibrate it are not in {data}")
        elif name == V2:
            yield untrained(data / _PHOTOS, folder / name)
        else:
            yield zoo.build(name, say, data / _PHOTOS, folder / name, keep_float=True)


def use_cache(data: Path, folder: Path) -> None:
    """Gives Keras, which has not been imported yet, a copy of the weights in `data`: it wants to write."""
    if (data / "keras").is_dir() and "KERAS_HOME" not in os.environ:
        shutil.copytree(data / "keras", folder / "keras", copy_function=shutil.copyfile)
        os.environ["KERAS_HOME"] = str(folder / "keras")


def with_float(model: ModelDirectory, data: Path, folder: Path) -> ModelDirectory:
    """A copy with float model and calibration pictures for nncase; the model itself where that cannot be."""
    recipe = model.path / "recipe.toml"
    said = tomllib.loads(recipe.read_text()) if recipe.is_file() else {}
    places = [place for place in (said.get("calibrate"), said.get("photos")) if isinstance(place, str)]
    photos = data / (places[0] if places else _PHOTOS)
    if not (model.path / FLOAT).is_file() or not photos.is_dir():
        return model
    copy = folder / model.name
    shutil.copytree(model.path, copy)
    network = quantize.load(copy / FLOAT)
    (copy / canmv_k230.FLOAT).write_bytes(quantize.convert_float(network))
    shape, resize = model.input_shape, model.contract["input"]["resize"]
    pixels = quantize.calibration(dataset.found(photos), shape, resize, quantize.CALIBRATE, print)
    np.save(copy / canmv_k230.CALIBRATION, pixels)
    return ModelDirectory.open(copy)


def untrained(photos: Path, out: Path) -> ModelDirectory:
    """The model V2, always the same."""
    lazy_tensorflow.keras().utils.set_random_seed(1)
    network = networks.classifier(networks.body("mobilenet_v2", 1.0, 96, trained=224), 20)
    labels = [str(number) for number in range(20)]
    return quantize.build(network, photos, out, name=V2, labels=labels, keep_float=True)
