# SPDX-License-Identifier: MIT
"""What a model answers: in Keras, before it was quantized, and in int8, as TensorFlow Lite Micro does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from galago import dataset, imagenet, lazy_tensorflow, pictures
from galago.errors import GalagoError
from galago.models import ModelDirectory
from galago.tflite.tflm import Tflm

FLOAT = "float.keras"  # beside model.tflite: the network before it was quantized


def labelled(model: ModelDirectory, folder: str | Path) -> dataset.Photos:
    """Photos with the model's class numbers, -1 outside of all.

    A folder with sub-folders named like the labels, or with a labels.txt of ImageNet's numbers: these are a
    zoo model's own, and are grouped as the model's recipe.toml says. Raises dataset.* and model.labels.
    """
    folder = Path(folder)
    if not (folder / "labels.txt").is_file():
        photos = dataset.folders(folder)
        number = {label: index for index, label in enumerate(model.labels)}
        if not set(photos.names) & set(number):
            raise GalagoError(
                "model.labels",
                f"{folder}: no sub-folder is named like a class of {model.name} "
                f"({', '.join(model.labels[:4])} …): name them so",
            )
        classes = np.array([number.get(photos.names[label], -1) for label in photos.labels])
        return dataset.Photos(photos.paths, classes, model.labels)
    photos = dataset.listed(folder)
    if len(model.labels) == imagenet.CLASSES:
        return dataset.Photos(photos.paths, photos.labels, model.labels)
    groups = imagenet.recipe_groups(model.path / "recipe.toml", model.labels)
    if groups is None:
        raise GalagoError(
            "model.labels",
            f"{folder} has ImageNet's numbers, and {model.name} no recipe that makes classes of them: "
            "give a folder with one sub-folder per class",
        )
    return dataset.Photos(photos.paths, groups[photos.labels], model.labels)


def read_inputs(
    model: ModelDirectory, paths: list[Path], warn: Callable[[str], None] = print
) -> tuple[np.ndarray, np.ndarray]:
    """The readable pictures as the model takes them, int8 [n, h, w, c], and their positions in `paths`."""
    height, width, channels = model.input_shape
    given, positions = [], []
    for position, rgb in dataset.read(paths, warn):
        given.append(pictures.to_input(rgb, height, width, channels, model.contract["input"]["resize"]))
        positions.append(position)
    if not given:
        raise GalagoError("dataset.empty", f"none of {len(paths)} pictures is readable: give photos")
    return np.stack(given), np.array(positions)


def int8(model: ModelDirectory, inputs: np.ndarray, advance: Callable[[], None] = lambda: None) -> np.ndarray:
    """TensorFlow Lite Micro's outputs, int8 [n, classes]."""
    return tflm_answers(model.tflite.read_bytes(), inputs, advance)


def tflm_answers(tflite: bytes, inputs: np.ndarray, advance: Callable[[], None] = lambda: None) -> np.ndarray:
    """The same of a .tflite's bytes."""
    oracle = Tflm(tflite)
    outputs = []
    for given in inputs:
        outputs.append(oracle.run(given).ravel().copy())
        advance()
    return np.array(outputs)


def floats(model: ModelDirectory, inputs: np.ndarray) -> np.ndarray:
    """What the network said before it was quantized, float [n, classes]; `model.missing` without it."""
    file = model.path / FLOAT
    if not file.is_file():
        raise GalagoError(
            "model.missing",
            f"{file}: no float network beside the model: train it again, or leave float out of --on",
        )
    network: Any = lazy_tensorflow.keras().models.load_model(file, compile=False)
    return network.predict(inputs.astype(np.float32) / 128, batch_size=64, verbose=0)
