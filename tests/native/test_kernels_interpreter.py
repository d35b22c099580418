# SPDX-License-Identifier: MIT
"""Kernels loaded from a .mpy by the real interpreter: every tensor equals TensorFlow Lite Micro's."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from networks import network

from galago import models
from galago.native import kernels
from galago.tflite.tflm import Tflm

SCRIPT = """
import sys
from mobilenet.tflite import Interpreter
from mobilenet.tflite.loading import native

def compare(folder, weights):
    module = native.module(folder + "/kernels.mpy")
    net = Interpreter(folder + "/model.tflite", weights=weights, kernels=module)
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
    return sorted([layer[0] for layer in module.LAYERS])

for folder in argv:
    for weights in ("ram", "stream"):
        print(compare(folder, weights))
"""


def test_kernels_in_the_interpreter(micropython: Callable[..., str], tmp_path: Path) -> None:
    shipped = models.find("everyday-v1-025-96").tflite.read_bytes()
    cases = [shipped, *(network(np.random.default_rng(seed), bool(seed % 2)) for seed in range(10, 14))]
    expected = []
    for number, model in enumerate(cases):
        folder = tmp_path / str(number)
        folder.mkdir()
        oracle = Tflm(model)
        picture = np.random.default_rng(number).integers(-128, 128, oracle.input_shape).astype(np.int8)
        tensors = [tensor.tobytes() for tensor in oracle.tensors(picture).values()]
        (folder / "model.tflite").write_bytes(model)
        (folder / "input").write_bytes(picture.tobytes())
        (folder / "expected").write_bytes(b"".join(tensors))
        (folder / "sizes").write_text(repr([len(tensor) for tensor in tensors]))
        data = kernels.build(model, "x64")
        assert data
        (folder / "kernels.mpy").write_bytes(data)
        expected += 2 * [list(range(len(tensors)))]
    found = micropython(SCRIPT, *(tmp_path / str(number) for number in range(len(cases))), heap="64M")
    assert found.splitlines()[2:] == [str(layers) for layers in expected[2:]]
