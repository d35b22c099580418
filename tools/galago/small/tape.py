# SPDX-License-Identifier: MIT
"""The calls of machine code that make up one inference, recorded from the device's own engine on the host.

tape = record(tflite, layers, names)
tape.calls          # (function, layer, first row, last row, channel, stop, piece or 0, whether rows are done)
tape.pieces         # (position, size) in the .tflite; position -1 stands for the float32 1.0

The engine runs with streamed weights; the functions that it calls note their arguments instead of computing.
"""

from typing import NamedTuple

from galago.tflite import engine

BUFFER = 1024
"""Least bytes of the buffer through which weights are streamed; the largest piece decides."""

_WEIGHTED = (0, 3, 4, 9, 18, 41, 54)  # operators with weights or a second input, in the schema

_SCRIPT = """
import json
from mobilenet import GalagoError
from mobilenet.tflite import Interpreter, loading
from mobilenet.tflite.kernels import conv_2d, native

loading._PIECE = buffer
calls, pieces, layer_of, vipers = [], {}, {}, []

def addresses(block, plan, at, arena, constants, position):
    if constants is arena:
        raise GalagoError("model.operator", "the small form has no operators with two inputs")
    if constants is native._ONE:
        position = pieces.setdefault((-1, 4), len(pieces))
    layer_of[id(block)] = at // 32
    block[2] = position + 1

def recorder(number):
    def function(block, plan, arena, constants):
        calls.append([number, layer_of[id(block)], block[3], block[4], block[5], block[6], block[2]])
    return function

def viper(name):
    if name not in vipers:
        vipers.append(name)
    return len(names) + vipers.index(name)

def run_viper(number):
    def run(net, at, first, last):
        calls.append([number, at // 32, first, last, 0, 0, 0])
    return run

def table(net, at, channels):
    plan, scales = net.plan, (-1, 4)
    if plan[at + 26]:
        scales = plan[at + 26], plan[at + 27] * channels or 4
    biases = (plan[at + 25], 4 * channels) if plan[at + 25] else None
    for name, piece in (("scales", scales), ("biases", biases)):
        number = pieces.setdefault(piece, len(pieces)) + 1 if piece else 0
        calls.append([viper(name), at // 32, 0, 0, 0, channels, number])

class Kernels:
    LAYERS = layers

for number, name in enumerate(names):
    setattr(Kernels, name, staticmethod(recorder(number)))

try:
    native._addresses, conv_2d.table = addresses, table
    net = Interpreter(path, weights="stream", kernels=Kernels)
    runs = list(net.runs)
    for layer, run in enumerate(runs):
        if layer not in net.native:
            if net.plan[32 * layer + 31] in weighted:
                raise GalagoError("model.operator", "the small form has machine code alone for weights")
            runs[layer] = run_viper(viper(run.__module__.rsplit(".", 1)[1]))
    net.runs = tuple(runs)
    net.constant = lambda position, size: (b"", pieces.setdefault((position, size), len(pieces)))
    net.invoke()
    words = list(net.plan)
    out = [(words[32 * call[1] + 11], call) for call in calls]
    size = net.arena_bytes - 4 * len(net.plan) - len(net.model)
    print(json.dumps({
        "calls": [call + [int(call[3] > call[2] and call[5] in (0, channels))] for channels, call in out],
        "pieces": list(pieces),
        "vipers": vipers,
        "words": words,
        "arena": size,
        "buffer": len(net.model),
    }))
except GalagoError as error:
    print(json.dumps({"code": error.code, "message": error.message}))
"""


class Tape(NamedTuple):
    """What a board needs to run one model. Sizes are in bytes."""

    calls: list[list[int]]
    pieces: list[list[int]]
    vipers: list[str]
    """Viper kernels by name, for layers without machine code; as functions they follow the machine code."""
    words: list[int]
    """The records of all layers, and their tails."""
    arena: int
    buffer: int


def record(tflite: bytes, layers: engine.LayerKernels, names: tuple[str, ...]) -> Tape:
    """Record an inference. `layers` is LAYERS of the machine code, `names` its functions.

    Raises GalagoError as `engine.plan` does, and model.operator if the small form cannot run the model.
    """
    given = {"buffer": BUFFER, "layers": layers, "names": names, "weighted": _WEIGHTED}
    lines = [f"{name} = {value!r}\n" for name, value in given.items()]
    return Tape(**engine.ask(tflite, "".join(lines) + _SCRIPT))
