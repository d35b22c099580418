# SPDX-License-Identifier: MIT
"""For emlearn-micropython: the .tflite as TinyMaix's .tmdl (tmdl.py), and how to prove it.

    files(model, board)["tmdl"]            # ("model.tmdl", bytes)
    facts(model, board)                    # a golden picture's best class and score

TinyMaix's scores are not TensorFlow Lite Micro's: the board compares with what its arithmetic gives here.
"""

import functools

import numpy as np

from galago import models
from galago.boards import BoardSpec
from galago.dataset.drawn import drawn
from galago.models import ModelDirectory
from galago.targets import tinymaix
from galago.targets.tinymaix.convert import convert, refused
from galago.tflite.tflm import Tflm

_PATTERN = 3  # noise, in which a mistake shows best
_FURTHEST = 48  # of 256, on average of drawn pictures: models that come out well are below 20
_PICTURES = 24  # drawn, to correct biases with: 12 gave less, 48 no more


def files(model: ModelDirectory, board: BoardSpec) -> dict[str, tuple[str, bytes]]:
    """Raises GalagoError backend.refused for a model that emlearn cannot run rightly."""
    given = model.contract["input"]
    if given["scale"] != 1 / 128 or given["zero_point"]:
        raise refused("it takes pixel - 128 for the input, whatever the model's quantization")
    return {"tmdl": ("model.tmdl", _tmdl(model.tflite.read_bytes()))}


def facts(model: ModelDirectory, board: BoardSpec) -> dict[str, int]:
    """What TinyMaix's arithmetic answers to a golden picture: best class, and its score in thousandths."""
    tmdl = tinymaix.read(_tmdl(model.tflite.read_bytes()))
    return models.proof(_PATTERN, _shares(tmdl, models.pattern(_PATTERN, model.input_shape)))


@functools.lru_cache(maxsize=2)
def _tmdl(tflite: bytes) -> bytes:
    oracle = Tflm(tflite)
    _, height, width, channels = oracle.input_shape
    pixels = np.stack([drawn(number, (height, width, channels)) for number in range(_PICTURES)])
    pictures = (pixels ^ 128).view(np.int8)
    tmdl = convert(tflite, pictures)
    made, apart = oracle.output_details, []
    for picture in pictures:
        wanted = (oracle.run(picture).ravel().astype(float) - made["zero_point"]) * made["scale"]
        apart.append(256 * abs(_shares(tmdl, picture) - wanted).max())
    if np.mean(apart) > _FURTHEST:
        raise refused(f"in TinyMaix's arithmetic its answers are {np.mean(apart):.0f} of 256 off on average")
    return tinymaix.write(tmdl)


def _shares(tmdl: tinymaix.Tmdl, picture: np.ndarray) -> np.ndarray:
    """Probabilities of an int8 picture, with the softmax that the board does."""
    scores = tinymaix.run(tmdl, picture.view(np.uint8) ^ 128).astype(float)
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()
