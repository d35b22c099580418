# SPDX-License-Identifier: MIT
"""The models of docs/runtimes.md: the shipped ones, and some of the zoo that are built for this page.

    for model in subjects(data, folder, print): ...       # ModelDirectory

`data` is a folder with photos (images/) and Keras's cache (keras/); without them zoo models are skipped, with
a message. Models whose float network is available come with the files that nncase needs.
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
from galago.zoo import building

ZOO = ("imagenet-v1-025-128", "imagenet-v1-050-160")
V2 = "untrained-v2-100-96"
"""MobileNetV2 with its ImageNet weights and an untrained head of 20 classes."""
_PHOTOS = "images/imagenet_samples"  # for calibration, unless a recipe names others


def subjects(
    data: Path, folder: Path, report: Callable[[str], None], names: Sequence[str] = ()
) -> Iterator[ModelDirectory]:
    """Yields the models of `names`, or all; those that must be built are built in `folder`."""
    use_cache(data, folder)
    for name in names or (*models.shipped_names(), *ZOO, V2):
        if name != V2 and name not in zoo.names():
            yield with_float(models.find(name), data, folder)
        elif (
            not zoo.has_weights("imagenet-v2-100-224" if name == V2 else name)
            or not (data / _PHOTOS).is_dir()
        ):
            report(f"{name}: skipped, its weights or the photos for calibration are not in {data}")
        elif name == V2:
            yield untrained(data / _PHOTOS, folder / name)
        else:
            yield building.build(name, report, data / _PHOTOS, folder / name, keep_float=True)


def use_cache(data: Path, folder: Path) -> None:
    """Gives Keras a writable copy of its cache in `data`; call before Keras is imported."""
    if (data / "keras").is_dir() and "KERAS_HOME" not in os.environ:
        shutil.copytree(data / "keras", folder / "keras", copy_function=shutil.copyfile)
        os.environ["KERAS_HOME"] = str(folder / "keras")


def with_float(model: ModelDirectory, data: Path, folder: Path) -> ModelDirectory:
    """Returns a copy with float model and calibration pictures for nncase, or the model if there are none."""
    recipe = model.path / "recipe.toml"
    settings = tomllib.loads(recipe.read_text(encoding="utf-8")) if recipe.is_file() else {}
    folders = [name for name in (settings.get("calibrate"), settings.get("photos")) if isinstance(name, str)]
    photos = data / (folders[0] if folders else _PHOTOS)
    if not (model.path / FLOAT).is_file() or not photos.is_dir():
        return model
    copy = folder / model.name
    shutil.copytree(model.path, copy)
    network = quantize.load(copy / FLOAT)
    (copy / canmv_k230.FLOAT).write_bytes(quantize.convert_float(network))
    shape, resize = model.input_shape, model.contract["input"]["resize"]
    pixels = quantize.calibration_pixels(dataset.picture_files(photos), shape, resize, print)
    np.save(copy / canmv_k230.CALIBRATION, pixels)
    return ModelDirectory.open(copy)


def untrained(photos: Path, out: Path) -> ModelDirectory:
    """Builds the model V2, always the same."""
    lazy_tensorflow.keras().utils.set_random_seed(1)
    network = networks.classifier(networks.body("mobilenet_v2", 1.0, 96, pretrained_size=224), 20)
    labels = [str(number) for number in range(20)]
    return quantize.build(network, photos, out, quantize.ModelInfo(V2, labels), keep_float=True)
