# SPDX-License-Identifier: MIT
"""What the fuzzer starts from: graphs of every operator, a small network, real models where they lie.

for name, model in small().items(): ...
for name, model in real().items(): ...
"""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np

from support import operator_models
from support.builder import NONE, RELU, RELU6, SAME, VALID, Builder

ROOT = Path(__file__).resolve().parents[2]

_REAL = ("vww_96_int8.tflite", "pretrainedResnet_quant.tflite")


def _int8(*shape: int) -> np.ndarray:
    return np.random.default_rng(5).integers(-127, 128, shape).astype(np.int8)


def _int32(count: int) -> np.ndarray:
    return np.random.default_rng(6).integers(-3000, 3000, count).astype(np.int32)


def _scales(count: int) -> list[float]:
    return list(np.random.default_rng(7).uniform(0.001, 0.02, count))


def _convolution() -> bytes:
    graph = Builder((1, 7, 6, 4), 0.02, -3)
    x = graph.conv(graph.input, _int8(6, 3, 3, 4), _int32(6), _scales(6), stride=(2, 1), activation=RELU6)
    return graph.finish(x)


def _pointwise() -> bytes:
    graph = Builder((1, 5, 5, 8), 0.02, 127)
    return graph.finish(graph.conv(graph.input, _int8(5, 1, 1, 8), None, _scales(1), padding=VALID))


def _depthwise() -> bytes:
    graph = Builder((1, 7, 5, 4), 0.02, -128)
    x = graph.depthwise(graph.input, _int8(1, 3, 3, 4), _int32(4), _scales(4), stride=(2, 2), activation=RELU)
    return graph.finish(x)


def _multiplied() -> bytes:
    graph = Builder((1, 6, 6, 3), 0.02, 9)
    return graph.finish(graph.depthwise(graph.input, _int8(1, 5, 4, 6), None, _scales(6), padding=SAME))


def _dense() -> bytes:
    graph = Builder((2, 13), 0.05, -5)
    return graph.finish(graph.dense(graph.input, _int8(7, 13), _int32(7), _scales(1), activation=NONE))


def _dense_channels() -> bytes:
    graph = Builder((1, 16), 0.05, 0)
    return graph.finish(graph.dense(graph.input, _int8(5, 16), None, _scales(5)))


def _add() -> bytes:
    graph = Builder((1, 4, 5, 3), 0.02, -7)
    x = graph.conv(graph.input, _int8(3, 1, 1, 3), None, _scales(3), out=(0.05, 12))
    return graph.finish(graph.add(graph.input, x, activation=RELU, out=(0.04, -100)))


def _average() -> bytes:
    graph = Builder((1, 7, 6, 5), 0.03, 4)
    return graph.finish(graph.average(graph.input, (3, 2), stride=(2, 2), padding=SAME, activation=RELU))


def _mean() -> bytes:
    graph = Builder((1, 5, 3, 6), 0.03, -50)
    return graph.finish(graph.mean(graph.input, out=(0.02, 3)))


def _pad() -> bytes:
    graph = Builder((1, 4, 3, 2), 0.1, 5)
    return graph.finish(graph.pad(graph.input, [(0, 0), (1, 2), (0, 3), (1, 0)]))


def _reshape() -> bytes:
    graph = Builder((1, 4, 3, 2))
    return graph.finish(graph.reshape(graph.input, (1, 24)))


def _softmax() -> bytes:
    graph = Builder((1, 12), 0.1, 3)
    return graph.finish(graph.softmax(graph.input))


def _mobilenet() -> bytes:
    """A small one of either generation: streamed chains, outputs over inputs, a shortcut across layers."""
    graph = Builder((1, 12, 12, 3), 1 / 128, 0)
    x = graph.pad(graph.input, [(0, 0), (0, 1), (0, 1), (0, 0)])
    x = graph.conv(
        x, _int8(8, 3, 3, 3), _int32(8), _scales(8), stride=(2, 2), padding=VALID, activation=RELU6
    )
    y = graph.conv(x, _int8(16, 1, 1, 8), _int32(16), _scales(16), activation=RELU6, out=(0.1, -128))
    y = graph.depthwise(y, _int8(1, 3, 3, 16), _int32(16), _scales(16), activation=RELU6, out=(0.05, -128))
    y = graph.conv(y, _int8(8, 1, 1, 16), _int32(8), _scales(8), out=(0.1, 7))
    x = graph.add(x, y, out=(0.1, -20))
    x = graph.depthwise(x, _int8(1, 3, 3, 8), _int32(8), _scales(8), stride=(2, 2), activation=RELU)
    x = graph.mean(x, keep=True)
    x = graph.reshape(x, (1, 8))
    return graph.finish(graph.softmax(graph.dense(x, _int8(4, 8), _int32(4), _scales(4))))


def packed(tree: Any) -> bytes:
    """The file of a schema's object tree."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(tree.Pack(builder), b"TFL3")
    return bytes(builder.Output())


_SMALL: tuple[Callable[[], bytes], ...] = (
    _convolution, _pointwise, _depthwise, _multiplied, _dense, _dense_channels, _add, _average, _mean, _pad,
    _reshape, _softmax, _mobilenet,
)  # fmt: skip


@cache
def small() -> dict[str, bytes]:
    """Graphs of a few kilobytes, by name: of every operator, and those below."""
    operators = {name: operator_models.build(name, 5) for name in operator_models.names()}
    return operators | {build.__name__[1:]: build() for build in _SMALL}


@cache
def real() -> dict[str, bytes]:
    """The shipped models, and those of the test data if they are there."""
    weights = Path(os.environ.get("GALAGO_DATA", ROOT.parent / "shared" / "data")) / "weights"
    paths = sorted((ROOT / "models").glob("*/model.tflite"))
    found = {path.parent.name: path.read_bytes() for path in paths}
    return found | {path.stem: path.read_bytes() for path in map(weights.joinpath, _REAL) if path.is_file()}
