# SPDX-License-Identifier: MIT
"""For CanMV on a K230: a .kmodel compiled by nncase (galago.targets.k230), and a golden answer.

    files(model, board)["kmodel"]          # ("model.kmodel", bytes)
    facts(model, board)                    # a golden picture's best class and score

nncase quantizes by itself: it needs the float model and calibration pictures, which `galago quantize --float`
leaves in the model directory as float.tflite and calibration.npy. Its scores differ from TensorFlow Lite
Micro's, so the board compares with those of nncase's simulator.
"""

import functools

import numpy as np

from galago.boards import BoardSpec
from galago.errors import GalagoError
from galago.models import ModelDirectory, golden
from galago.targets import k230

FLOAT, CALIBRATION = "float.tflite", "calibration.npy"
NAME = "model.kmodel"
_PATTERN = 3  # noise, which shows mistakes best


def files(model: ModelDirectory, board: BoardSpec) -> dict[str, tuple[str, bytes]]:
    """Returns the .kmodel.

    Raises GalagoError backend.refused if nncase, .NET or the float model is missing.
    """
    return {"kmodel": (NAME, kmodel(model))}


def facts(model: ModelDirectory, board: BoardSpec) -> dict[str, int]:
    """Returns the simulator's answer to a golden picture: best class, and its score in thousandths."""
    picture = golden.pattern(_PATTERN, model.input_shape).view(np.uint8) ^ 128
    (scores,) = k230.simulate(kmodel(model), picture[np.newaxis])
    return golden.proof(_PATTERN, scores)


def kmodel(model: ModelDirectory) -> bytes:
    """Returns the .kmodel of a model. Raises as `files`."""
    for name in (FLOAT, CALIBRATION):
        if not (model.path / name).is_file():
            raise GalagoError(
                "backend.refused",
                f"canmv_k230: nncase needs the float model and calibration pictures, and {model.name} has "
                f"no {name}: make the model again with galago quantize --float",
            )
    pixels = np.load(model.path / CALIBRATION, allow_pickle=False)
    return _compiled((model.path / FLOAT).read_bytes(), pixels.shape, pixels.tobytes())


@functools.lru_cache(maxsize=2)
def _compiled(float_tflite: bytes, shape: tuple[int, ...], pixels: bytes) -> bytes:
    return k230.compile_model(float_tflite, np.frombuffer(pixels, np.uint8).reshape(shape))
