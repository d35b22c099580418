# SPDX-License-Identifier: MIT
"""The kmodel for MaixPy and CanMV on a K210, and a golden answer to check it with.

    files(model, board)["kmodel"]       # ("model.kmodel", bytes)
    facts(model, board)                 # whether pictures are rotated; a golden picture's class and score
    large_kmodel(model, board)          # (address, kmodel) if the file system has no room for it

The golden answer is the simulator's, for pixels in RGB565; the board's backends/k210.py compares with it.
"""

import functools

import numpy as np

from galago.boards import BoardSpec
from galago.errors import GalagoError
from galago.models import ModelDirectory, golden
from galago.targets.k210.compiler import Compiled, compile_model
from galago.targets.k210.simulator import Simulator

NAME = "model.kmodel"
_PATTERNS = range(-3, -19, -1)  # noise with a white edge, which also shows a picture that is upside down
_MIN_ROTATION_DIFFERENCE = 0.25  # of the best score, between a picture and itself upside down
_MAX_FILESYSTEM_SHARE = 0.85  # of a file system that a kmodel may take


def files(model: ModelDirectory, board: BoardSpec) -> dict[str, tuple[str, bytes]]:
    """Returns the kmodel. Raises GalagoError model.operator, memory.kpu, memory.main or backend.refused."""
    height, width, channels = model.input_shape
    contract = model.contract["input"]
    if channels != 3 or contract["resize"] == "pad":
        raise GalagoError(
            "backend.refused",
            f"{model.name}: expected an input of 3 channels, cropped or stretched, got "
            f"{height}x{width}x{channels}, {contract['resize']}: retrain it that way",
        )
    activation = model.contract["output"]["activation"]
    if activation != "softmax" or "transform" in contract:
        raise GalagoError(
            "backend.refused",
            f"{model.name}: the KPU's pictures are pixel - 128 and its answers those of a softmax, got "
            f"{activation}{' and other pictures' if 'transform' in contract else ''}: use builtin",
        )
    if large_kmodel(model, board):
        return {}
    return {"kmodel": (NAME, _kmodel(model.tflite.read_bytes()))}


def large_kmodel(model: ModelDirectory, board: BoardSpec) -> tuple[int, bytes] | None:
    """Returns a kmodel that is too large for the file system, after its address in the chip's flash."""
    if not {"maixpy", "canmv_k210"} & set(board.backends):
        return None
    kmodel = _kmodel(model.tflite.read_bytes())
    if len(kmodel) <= board.filesystem * _MAX_FILESYSTEM_SHARE or not board.kmodel_address:
        return None
    return board.kmodel_address, kmodel


def facts(model: ModelDirectory, board: BoardSpec) -> dict[str, int]:
    """Returns how the backend must feed the kmodel, and its answer to a golden picture."""
    data = model.tflite.read_bytes()
    compiled = _compiled(data)
    pattern, scores = _golden(data, model.input_shape)
    large = large_kmodel(model, board)
    place = {"address": large[0], "bytes": len(large[1])} if large else {}
    return place | {"turned": int(compiled.rotated)} | golden.proof(pattern, scores)


@functools.lru_cache(maxsize=2)
def _compiled(data: bytes) -> Compiled:
    return compile_model(data)


def _kmodel(data: bytes) -> bytes:
    return _compiled(data).model.write()


@functools.lru_cache(maxsize=2)
def _golden(data: bytes, shape: tuple[int, int, int]) -> tuple[int, np.ndarray]:
    """Returns number and scores, float32 [classes], of a golden picture that shows a missing rotation."""
    compiled = _compiled(data)
    simulator = Simulator(compiled.model)
    candidates: dict[float, tuple[int, np.ndarray]] = {}
    for number in _PATTERNS:
        planes = through_565(golden.pattern(number, shape).view(np.uint8) ^ 128).transpose(2, 0, 1)
        rotated = np.ascontiguousarray(planes[:, ::-1, ::-1])
        right, wrong = (rotated, planes) if compiled.rotated else (planes, rotated)
        scores, others = (simulator.run(np.ascontiguousarray(each))[0] for each in (right, wrong))
        difference = abs(float((scores - others)[scores.argmax()]))
        candidates[difference] = number, scores
        if difference > _MIN_ROTATION_DIFFERENCE:
            break
    return candidates[max(candidates)]


def through_565(pixels: np.ndarray) -> np.ndarray:
    """Returns RGB888 after MaixPy's conversion to RGB565 and back, which rounds both ways; uint8 [..., 3]."""
    channel_max = np.array([31, 63, 31])
    return np.rint(np.rint(pixels * (channel_max / 255)) * (255 / channel_max)).astype(np.uint8)
