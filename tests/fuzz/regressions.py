# SPDX-License-Identifier: MIT
"""Files that once caused a fault, built here: name, file, and the outcomes that are correct.

for name, model, outcome in cases(): ...
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

from support import seeds
from support.builder import NONE, Builder

Case = tuple[str, bytes, str]
_MANY = "ok or model.operator or memory.heap or memory.arena"


def _weights(*shape: int) -> np.ndarray:
    return np.full(shape, 3, np.int8)


def _inputs(count: int) -> Iterator[Case]:
    """Operators with too few or too many inputs, which caused an IndexError or were ignored."""
    for name in ("convolution", "depthwise", "dense", "add", "mean", "pad"):
        tree: Any = schema.ModelT.InitFromPackedBuf(seeds.small()[name], 0)
        operator = tree.subgraphs[0].operators[-1]
        operator.inputs = [*operator.inputs, *[operator.inputs[-1]] * 3][:count]
        yield f"{name} with {count} inputs", seeds.packed(tree), "model.malformed"


def _options() -> Iterator[Case]:
    """Options of another operator, or without a type, which were read as the operator's own."""
    for name in ("convolution", "depthwise", "average", "dense", "add", "softmax"):
        for kind in (0, 4, 30):
            tree: Any = schema.ModelT.InitFromPackedBuf(seeds.small()[name], 0)
            operator = tree.subgraphs[0].operators[-1]
            operator.builtinOptionsType = kind
            yield f"{name} with options of type {kind}", seeds.packed(tree), "model.malformed"


def _shifts() -> Iterator[Case]:
    """Factors of 2**30 and more, which overflowed where TensorFlow Lite Micro saturates."""
    for scale in (1e10, 1e20, 1.7e38):
        graph = Builder((1, 1, 1, 2), 0.02, 3)
        output = graph.conv(graph.input, _weights(2, 1, 1, 2), None, [0.01, scale])
        yield f"weights of scale {scale:g}", graph.finish(output), "ok or model.quantization"


def _layers() -> Iterator[Case]:
    """More layers than a byte can count."""
    for count, outcome in ((60, "ok"), (256, _MANY), (300, _MANY)):
        graph = Builder((1, 4), 0.02, 3)
        x = graph.input
        for i in range(count):
            x = graph.reshape(x, (1, 4) if i % 2 else (4, 1))
        yield f"{count} layers", graph.finish(x), outcome


def _axes() -> Iterator[Case]:
    """Axes that were taken modulo 4."""
    for axes in ((1, 130), (5, 6), (-7, 2), (1, 1)):
        graph = Builder((1, 5, 3, 6), 0.03, -50)
        yield (
            f"mean over {axes}",
            graph.finish(graph.mean(graph.input, axes=axes)),
            "model.malformed or model.operator",
        )


def _windows() -> Iterator[Case]:
    """Windows much larger than the picture, where TensorFlow Lite Micro's paddings exceed 16 bits."""
    for kernel in (32767, 1 << 20, (1 << 24) + 1):
        graph = Builder((1, 3, 3, 2), 0.03, 4)
        output = graph.average(graph.input, (kernel, 2), padding=0, activation=NONE)
        yield f"window of {kernel}", graph.finish(output), "ok or model.malformed or model.operator"


def _tiny() -> Iterator[Case]:
    """An input scale whose multiplier was taken for 0, where TFLM shifts by a negative number."""
    for kind, out in (("TANH", (1 / 128, 0)), ("LOGISTIC", (1 / 256, -128))):
        graph = Builder((1, 4), 1e-30, 127)
        output = graph.operator(kind, [graph.input], graph.computed((1, 4), out))
        yield f"{kind} of scale 1e-30", graph.finish(output), "model.quantization"


def cases() -> list[Case]:
    """Returns all regressions."""
    return [*_inputs(1), *_inputs(4), *_options(), *_shifts(), *_layers(), *_axes(), *_windows(), *_tiny()]
