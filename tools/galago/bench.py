# SPDX-License-Identifier: MIT
"""The time that each layer of a model takes in the built-in engine, on a real or an emulated board.

with transport.connect(port) as board:
    result = bench(board, model)              # the device package and the model are on the board already
    for layer, us in zip(result.layers, result.us):
        print(layer.operator, us)
"""

from dataclasses import dataclass
from typing import Any

from galago import flash
from galago.errors import GalagoError
from galago.models import ModelDirectory
from galago.tflite import summary
from galago.tflite.summary import LayerSummary
from galago.transport import Board
from galago.transport.answers import program_answer

# Seconds to wait for output of a board that is computing: V1 1.0@224 on a slow core takes minutes.
_TIMEOUT = 600.0
# Each run is done twice: with a hook, for the time of each layer, and without it, for the whole inference.
_CODE = """
import json, time
from mobilenet import GalagoError, report
from mobilenet.model import Model
from mobilenet.tflite import Interpreter

def bench(path, layers, runs):
    model = Model(path)
    net = Interpreter(model.file("tflite"), kernels=model.file("kernels"))
    best = [1 << 29] * layers
    whole = 1 << 29
    since = 0

    def hook(layer, first, last):
        nonlocal since
        us[layer] += time.ticks_diff(time.ticks_us(), since)
        since = time.ticks_us()

    for _ in range(runs):
        us = [0] * layers
        since = time.ticks_us()
        net.invoke(hook)
        best = [min(a, b) for a, b in zip(best, us)]
        since = time.ticks_us()
        net.invoke()
        whole = min(whole, time.ticks_diff(time.ticks_us(), since))
    print(json.dumps({{"us": best, "invoke": whole, "arena_bytes": net.arena_bytes}}))

try:
    bench({path!r}, {layers}, {runs})
except GalagoError as error:
    print(report.failure(error))
"""


@dataclass(frozen=True)
class Result:
    """The times of a model in microseconds, each the shortest of all runs."""

    layers: list[LayerSummary]
    us: list[int]
    """The time of each layer, in a run that is interrupted after each."""
    invoke_us: int
    """The time of a whole inference without interruption."""
    arena_bytes: int

    @property
    def macs(self) -> int:
        """MACs of one inference."""
        return sum(layer.macs for layer in self.layers)

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON can hold it."""
        total = sum(self.us) or 1
        return {
            "invoke_us": self.invoke_us,
            "macs": self.macs,
            "arena_bytes": self.arena_bytes,
            "layers": [
                {
                    "operator": layer.operator,
                    "input": list(layer.input),
                    "output": list(layer.output),
                    "macs": layer.macs,
                    "us": us,
                    "share": round(us / total, 4),
                }
                for layer, us in zip(self.layers, self.us, strict=True)
            ],
        }


def bench(board: Board, model: ModelDirectory, runs: int = 3) -> Result:
    """Times the layers of a model that is already on the board.

    Raises GalagoError where the model does not load (model.*, memory.*) or the board is lost (port.*).
    """
    layers = summary.layers(model.tflite.read_bytes())
    path = board.root + flash.remote_path(model)
    # A heap in use is fragmented, and a model needs its memory in large pieces.
    flash.clear_memory(board)
    reply = board.exec(_CODE.format(path=path, layers=len(layers), runs=runs), timeout=_TIMEOUT)
    answer = program_answer(board.port, reply, {"us": [int], "invoke": int, "arena_bytes": int})
    if len(answer["us"]) != len(layers):
        raise GalagoError("board.answer", f"expected the times of {len(layers)} layers: run it again")
    return Result(layers, answer["us"], answer["invoke"], answer["arena_bytes"])
