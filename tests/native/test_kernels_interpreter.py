# SPDX-License-Identifier: MIT
"""Kernels loaded from a .mpy by the real interpreter: every tensor equals TensorFlow Lite Micro's."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from networks import network

from galago import models
from galago.native import kernels
from galago.tflite import records, schema
from galago.tflite.tflm import Tflm
from support.builder import RELU6, Builder

SCRIPT = """
import sys
from mobilenet.tflite import Interpreter
from mobilenet.tflite.kernels.proof import Proof
from mobilenet.tflite.loading import native

def compare(folder, weights):
    module = native.module(folder + "/kernels.mpy")
    proof = Proof(folder + "/kernels.mpy", weights)
    assert proof.begin()
    net = Interpreter(folder + "/model.tflite", weights=weights, kernels=module)
    proof.settle(net)
    sizes = eval(open(folder + "/sizes").read())
    expected = open(folder + "/expected", "rb").read()
    seen = [0] * len(sizes)

    def check(layer, first, last):
        rows = net.rows(layer, first, last)
        start = sum(sizes[:layer]) + seen[layer]
        if expected[start : start + len(rows)] != rows:
            print(folder, weights, "layer", layer, "rows", first, last)
            raise SystemExit(1)
        seen[layer] += len(rows)

    for _ in range(2):
        seen[:] = [0] * len(sizes)
        with open(folder + "/input", "rb") as file:
            file.readinto(net.input)
        net.invoke(check)
    net.close()
    return sorted(net.native)

for folder in argv:
    for weights in ("ram", "stream"):
        print(compare(folder, weights))
"""


def run(micropython: Callable[..., str], folder: Path, cases: list[bytes]) -> list[list[int]]:
    """Compares every tensor of models; returns the layers that machine code computes, of each model twice."""
    for number, model in enumerate(cases):
        place = folder / "models" / str(number)
        place.mkdir(parents=True)
        oracle = Tflm(model)
        picture = np.random.default_rng(number).integers(-128, 128, oracle.input_shape).astype(np.int8)
        tensors = [tensor.tobytes() for tensor in oracle.tensors(picture).values()]
        (place / "model.tflite").write_bytes(model)
        (place / "input").write_bytes(picture.tobytes())
        (place / "expected").write_bytes(b"".join(tensors))
        (place / "sizes").write_text(repr([len(tensor) for tensor in tensors]))
        data = kernels.build(model, "x64")
        assert data
        (place / "kernels.mpy").write_bytes(data)
    folders = [folder / "models" / str(number) for number in range(len(cases))]
    lines = micropython(SCRIPT, *folders, heap="64M").splitlines()
    assert not [line for line in lines if " is wrong " in line]
    return [json.loads(line) for line in lines if line.startswith("[")]


def test_kernels_in_the_interpreter(micropython: Callable[..., str], tmp_path: Path) -> None:
    shipped = models.find("everyday-v1-025-96").tflite.read_bytes()
    cases = [shipped, *(network(np.random.default_rng(seed), bool(seed % 2)) for seed in range(10, 14))]
    found = run(micropython, tmp_path, cases)
    expected = [list(range(len(records.read(model)))) for model in cases for _ in range(2)]
    assert found[2:] == expected[2:]


def test_viper_computes_what_has_no_machine_code(micropython: Callable[..., str], tmp_path: Path) -> None:
    """A squeeze-and-excite block and a pooled branch between convolutions, in one model."""
    rng = np.random.default_rng(3)

    def int8(*shape: int) -> np.ndarray:
        return rng.integers(-127, 128, shape).astype(np.int8)

    graph = Builder((1, 12, 12, 4), 0.02, -5)
    x = graph.conv(graph.input, int8(8, 3, 3, 4), None, [0.01] * 8, activation=RELU6, out=(0.024, -128))
    s = graph.mean(x, keep=True, out=(0.02, -128))
    s = graph.conv(s, int8(8, 1, 1, 8), None, [0.01] * 8, out=(0.05, 0))
    s = graph.operator("LOGISTIC", [s], graph.computed((1, 1, 1, 8), (1 / 256, -128)))
    x = graph.operator("MUL", [x, s], graph.computed((1, 12, 12, 8), (0.02, -128)), schema.new("MulOptionsT"))
    x = graph.depthwise(x, int8(1, 3, 3, 8), None, [0.02] * 8, activation=RELU6, out=(0.024, -128))
    branches = [graph.pool(x, (2, 2), kind="MAX_POOL_2D", stride=(2, 2))]
    branches.append(graph.conv(x, int8(6, 1, 1, 8), None, [0.01] * 6, stride=(2, 2), out=(0.024, -128)))
    options = schema.new("ConcatenationOptionsT")
    options.axis = 3
    x = graph.operator("CONCATENATION", branches, graph.computed((1, 6, 6, 14), (0.024, -128)), options)
    x = graph.conv(x, int8(5, 3, 3, 14), None, [0.01] * 5, dilation=2, out=(0.2, 3))
    model = graph.finish(graph.conv(x, int8(6, 1, 1, 5), None, [0.01] * 6, out=(0.2, 0)))
    ram, stream = run(micropython, tmp_path, [model])
    assert (len(ram), set(ram) - set(stream)) == (11, {9})  # the dilated convolution
