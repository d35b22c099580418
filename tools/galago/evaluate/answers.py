# SPDX-License-Identifier: MIT
"""Labelled photos as inputs of a model, and its answers: in float by Keras, in int8 by TFLM.

photos = labelled(model, "photos/test")
inputs, positions = read_inputs(model, photos.paths)
answers = int8(model, inputs)
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from galago import dataset, imagenet, lazy_tensorflow, pictures
from galago.errors import GalagoError
from galago.models import ModelDirectory
from galago.tflite.reference import reference

FLOAT = "float.keras"
"""The network before quantization, beside model.tflite."""
_BATCH = 64


def labelled(model: ModelDirectory, folder: str | Path) -> dataset.Photos:
    """Returns the photos of a folder with the model's class numbers, -1 outside of all.

    The folder has sub-folders named like the labels, or a labels.txt of ImageNet's numbers. Those are the
    class numbers of a zoo model; for other models they are grouped as the model's recipe.toml says. Raises
    dataset.missing, .empty, .layout and model.labels.
    """
    folder = Path(folder)
    if not (folder / "labels.txt").is_file():
        photos = dataset.from_subfolders(folder)
        number = {label: index for index, label in enumerate(model.labels)}
        if not set(photos.names) & set(number):
            raise GalagoError(
                "model.labels",
                f"{folder}: no sub-folder is named after a class of {model.name} "
                f"({', '.join(model.labels[:4])} …): rename the sub-folders",
            )
        classes = np.array([number.get(photos.names[label], -1) for label in photos.labels])
        return dataset.Photos(photos.paths, classes, model.labels)
    photos = dataset.from_labels_file(folder)
    background = len(model.labels) - imagenet.CLASSES  # 1 for models with this class before the others
    if background in (0, 1):
        return dataset.Photos(photos.paths, photos.labels + background, model.labels)
    groups = imagenet.recipe_groups(model.path / "recipe.toml", model.labels)
    if groups is None:
        raise GalagoError(
            "model.labels",
            f"{folder} has ImageNet's numbers, but {model.name} has no recipe that groups them: "
            "pass a folder with one sub-folder per class",
        )
    return dataset.Photos(photos.paths, groups[photos.labels], model.labels)


def read_inputs(
    model: ModelDirectory, paths: list[Path], warn: Callable[[str], None] = print
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the readable photos, int8 = pixel - 128 [n, h, w, c], and their positions in `paths` [n].

    This is the input of models made by Galago; `int8` converts it for others. `warn` gets a line for each
    unreadable photo. Raises dataset.empty if none is readable.
    """
    height, width, channels = model.input_shape
    inputs, positions = [], []
    for position, rgb in dataset.read(paths, warn):
        inputs.append(pictures.to_input(rgb, height, width, channels, model.contract["input"]["resize"]))
        positions.append(position)
    if not inputs:
        raise GalagoError("dataset.empty", f"no picture is readable, {len(paths)} tried: pass other photos")
    return np.stack(inputs), np.array(positions)


def int8(model: ModelDirectory, inputs: np.ndarray, advance: Callable[[], None] = lambda: None) -> np.ndarray:
    """Returns the outputs of TensorFlow Lite Micro, int8 [n, outputs]; calls `advance` after each input."""
    return tflm_answers(model.tflite.read_bytes(), model.tensor(inputs.view(np.uint8) ^ 128), advance)


def tflm_answers(tflite: bytes, inputs: np.ndarray, advance: Callable[[], None] = lambda: None) -> np.ndarray:
    """Returns the outputs of a .tflite's bytes for int8 [n, h, w, c], int8 [n, classes], as `int8` does."""
    oracle = reference(tflite)
    outputs = []
    for picture in inputs:
        outputs.append(oracle.run(picture).ravel().copy())
        advance()
    return np.array(outputs)


def float_network(folder: Path) -> Any:
    """Returns the Keras network before quantization in a model's folder. Raises model.missing."""
    file = folder / FLOAT
    if not file.is_file():
        raise GalagoError(
            "model.missing", f"{file}: the float network is missing: train the model again, or do without it"
        )
    return lazy_tensorflow.keras().models.load_model(file, compile=False)


def floats(model: ModelDirectory, inputs: np.ndarray) -> np.ndarray:
    """Returns the probabilities of the network before quantization, float32 [n, classes].

    Raises model.missing if it is not beside the model.
    """
    network = float_network(model.path)
    # Batch by batch: all inputs as floats would take four times their size, and Keras copies them.
    batches = (inputs[start : start + _BATCH] for start in range(0, len(inputs), _BATCH))
    return np.concatenate([network.predict_on_batch(batch.astype(np.float32) / 128) for batch in batches])
