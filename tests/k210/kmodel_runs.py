# SPDX-License-Identifier: MIT
"""Runs compiled networks on the simulator, beside TensorFlow Lite Micro."""

import numpy as np

from galago.targets.k210.compiler import Compiled
from galago.targets.k210.kmodel import Kmodel
from galago.targets.k210.kpu_arithmetic import Rounding
from galago.targets.k210.simulator import Simulator
from galago.tflite.graph import Graph
from galago.tflite.tflm import Tflm


def run(compiled: Compiled, pixels: np.ndarray, rounding: Rounding = "up") -> list[np.ndarray]:
    """Returns the result of every layer for int8 pixels [height, width, channels], of the written file."""
    model = Kmodel.read(compiled.model.write())
    planes = (pixels.view(np.uint8) ^ 128).transpose(2, 0, 1)
    planes = planes[:, ::-1, ::-1] if compiled.rotated else planes
    results: list[np.ndarray] = []
    Simulator(model, rounding).run(np.ascontiguousarray(planes), lambda _, __, result: results.append(result))
    return results


def logits(data: bytes, compiled: Compiled, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the logits of the simulated KPU, in TFLite's int8, and those of TFLM; int [classes]."""
    graph = Graph.read(data)
    softmax = graph.operators[-1]
    assert softmax.kind == "SOFTMAX"
    tensor = softmax.inputs[0]
    expected = Tflm(data).tensors(pixels)
    if tensor not in expected or graph.operators[-2].kind == "RESHAPE":
        tensor = graph.operators[-2].inputs[0]
    scale, zero = graph.tensors[tensor].scale, graph.tensors[tensor].zero_point
    got = np.rint(run(compiled, pixels)[-2].ravel() / scale).astype(int) + zero
    return got, expected[tensor].ravel().astype(int)


def random_picture(seed: int, size: int, channels: int = 3) -> np.ndarray:
    """Returns a picture of coarse blobs, int8 [size, size, channels]."""
    rng = np.random.default_rng(seed)
    return np.kron(rng.integers(-128, 128, (size // 4, size // 4, channels)), np.ones((4, 4, 1))).astype(
        np.int8
    )
