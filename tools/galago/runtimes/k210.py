# SPDX-License-Identifier: MIT
"""What MaixPy and CanMV need on a K210: the kmodel, and how to feed and prove it.

    beside(model, board)        # address and kmodel, if the file system has no room for it

The proof is a golden picture's best class and score by the simulator, of pixels in RGB565: the board's
backends/k210.py compares.
"""

import functools

import numpy as np

from galago import models
from galago.boards import BoardSpec
from galago.errors import GalagoError
from galago.models import ModelDirectory
from galago.targets.k210.compiler import Compiled, compile_model
from galago.targets.k210.simulator import Simulator

NAME = "model.kmodel"
_PATTERNS = range(-3, -19, -1)  # noise below white, in which a mistake shows, also a picture upside down
_APART = 0.25  # of a score, by which a picture must be told from itself upside down
_SHARE = 0.85  # of a file system for a kmodel


def files(model: ModelDirectory, board: BoardSpec) -> dict[str, tuple[str, bytes]]:
    """The kmodel. Raises GalagoError model.operator, memory.kpu, memory.main or backend.refused."""
    height, width, channels = model.input_shape
    given = model.contract["input"]
    if channels != 3 or given["resize"] == "pad" or given["zero_point"] or given["scale"] != 1 / 128:
        raise GalagoError(
            "backend.refused",
            f"{model.name}: wanted an input of 3 channels, cropped or stretched, as pixel - 128, got "
            f"{height}x{width}x{channels}, {given['resize']}: train it so",
        )
    if beside(model, board):
        return {}
    return {"kmodel": (NAME, _kmodel(model.tflite.read_bytes()))}


def beside(model: ModelDirectory, board: BoardSpec) -> tuple[int, bytes] | None:
    """Where in the chip's flash a kmodel goes that is too large for the file system, and the kmodel."""
    if not {"maixpy", "canmv_k210"} & set(board.backends):
        return None
    kmodel = _kmodel(model.tflite.read_bytes())
    if len(kmodel) <= board.filesystem * _SHARE or not board.kmodel_address:
        return None
    return board.kmodel_address, kmodel


def facts(model: ModelDirectory, board: BoardSpec) -> dict[str, int]:
    """How the backend is to feed the kmodel, and what it answers to a golden picture."""
    data = model.tflite.read_bytes()
    compiled = _compiled(data)
    pattern, scores = _golden(data, model.input_shape)
    large = beside(model, board)
    place = {"address": large[0], "bytes": len(large[1])} if large else {}
    return place | {"turned": int(compiled.rotated)} | models.proof(pattern, scores)


@functools.lru_cache(maxsize=2)
def _compiled(data: bytes) -> Compiled:
    return compile_model(data)


def _kmodel(data: bytes) -> bytes:
    return _compiled(data).model.write()


@functools.lru_cache(maxsize=2)
def _golden(data: bytes, shape: tuple[int, int, int]) -> tuple[int, np.ndarray]:
    """A golden picture's number and scores, float32 [classes]: one that shows whether it was turned."""
    compiled = _compiled(data)
    simulator = Simulator(compiled.model)
    found: dict[float, tuple[int, np.ndarray]] = {}
    for number in _PATTERNS:
        planes = through_565(models.pattern(number, shape).view(np.uint8) ^ 128).transpose(2, 0, 1)
        turned = np.ascontiguousarray(planes[:, ::-1, ::-1])
        right, wrong = (turned, planes) if compiled.rotated else (planes, turned)
        scores, others = (simulator.run(np.ascontiguousarray(each))[0] for each in (right, wrong))
        apart = abs(float((scores - others)[scores.argmax()]))
        found[apart] = number, scores
        if apart > _APART:
            break
    return found[max(found)]


def through_565(pixels: np.ndarray) -> np.ndarray:
    """RGB888 as it comes out of RGB565 in MaixPy, which rounds both ways; uint8 [..., 3]."""
    tops = np.array([31, 63, 31])
    return np.rint(np.rint(pixels * (tops / 255)) * (255 / tops)).astype(np.uint8)
