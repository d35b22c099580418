# SPDX-License-Identifier: MIT
"""For emlearn-micropython: the model as TinyMaix's .tmdl, and a golden answer to check it with.

    files(model, board)["tmdl"]            # ("model.tmdl", bytes)
    facts(model, board)                    # a golden picture's best class and score

TinyMaix's scores differ from TensorFlow Lite Micro's, so the board compares with TinyMaix's arithmetic on the
host.
"""

import functools

import numpy as np

from galago.boards import BoardSpec
from galago.dataset.drawn import drawn
from galago.models import ModelDirectory, golden
from galago.targets.tinymaix import simulator
from galago.targets.tinymaix.converter import convert, refused
from galago.targets.tinymaix.tmdl import Tmdl
from galago.tflite.arithmetic import softmax
from galago.tflite.graph import Graph
from galago.tflite.reference import reference

_PATTERN = 3  # noise, which shows mistakes best
_MAX_DIFFERENCE = 48  # mean difference from TFLM on drawn pictures, in 1/256; good models stay below 20
_PICTURES = 24  # drawn pictures for the bias correction: 12 gave less, 48 no more


def files(model: ModelDirectory, board: BoardSpec) -> dict[str, tuple[str, bytes]]:
    """Returns the .tmdl. Raises GalagoError backend.refused for a model that emlearn cannot run correctly."""
    if "transform" in model.contract["input"]:
        raise refused("its input is always pixel - 128, and this model takes other numbers")
    if model.contract["output"]["activation"] != "softmax":
        raise refused("its outputs are not those of a softmax")
    return {"tmdl": ("model.tmdl", _tmdl(model.tflite.read_bytes()))}


def facts(model: ModelDirectory, board: BoardSpec) -> dict[str, int]:
    """Returns TinyMaix's answer to a golden picture: best class, and its score in thousandths."""
    tmdl = Tmdl.read(_tmdl(model.tflite.read_bytes()))
    return golden.proof(_PATTERN, _probabilities(tmdl, golden.pattern(_PATTERN, model.input_shape)))


@functools.lru_cache(maxsize=2)
def _tmdl(tflite: bytes) -> bytes:
    oracle, graph = reference(tflite), Graph.read(tflite)
    _, height, width, channels = oracle.input_shape
    pixels = np.stack([drawn(number, (height, width, channels)) for number in range(_PICTURES)])
    pictures = (pixels ^ 128).view(np.int8)
    tmdl = convert(tflite, pictures)
    output, differences = graph.tensors[graph.output], []
    for picture in pictures:
        expected = (oracle.run(picture).ravel().astype(float) - output.zero_point) * output.scale
        differences.append(256 * abs(_probabilities(tmdl, picture) - expected).max())
    mean = np.mean(differences)
    if mean > _MAX_DIFFERENCE:
        raise refused(f"in TinyMaix's arithmetic its answers are {mean:.0f} of 256 off on average")
    return tmdl.write()


def _probabilities(tmdl: Tmdl, picture: np.ndarray) -> np.ndarray:
    """Returns the probabilities of an int8 picture, float64 [classes], with the softmax of the board."""
    scores = simulator.run(tmdl, picture.view(np.uint8) ^ 128).astype(float)
    return softmax(scores)
