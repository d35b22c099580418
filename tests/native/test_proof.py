# SPDX-License-Identifier: MIT
"""Machine code on a board is compared with viper when it is new, and viper replaces what is wrong."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from networks import network

from galago import models, runtimes
from galago.models import ModelDirectory
from galago.native import kernels
from galago.runtimes import builtin
from galago.tflite import records

SCRIPT = """
from mobilenet.model import Model
from mobilenet.backends import builtin
engine = builtin.load(Model(argv[0]))
with open(argv[1], "rb") as file:
    file.readinto(engine.input)
print(list(engine.invoke()))
"""
COUNTING = """
from mobilenet.tflite.kernels import proof
load = proof._viper
def counted(name):
    print("imports", name)
    return load(name)
proof._viper = counted
"""
DOES_NOTHING = bytes.fromhex("b801000000 c3")  # mov eax, 1 / ret
SHIPPED = "everyday-v1-025-96"


@pytest.fixture
def model() -> ModelDirectory:
    return models.find(SHIPPED)


@pytest.fixture
def answer(
    micropython: Callable[..., str], tmp_path: Path, model: ModelDirectory
) -> Callable[..., list[str]]:
    """Runs the model with this kernels.mpy, checks its output, and returns the log."""
    picture, expected = next(model.golden())
    (tmp_path / "picture").write_bytes(picture.tobytes())
    folder = tmp_path / "models" / model.name
    folder.mkdir(parents=True)

    def run(data: bytes, script: str = SCRIPT) -> list[str]:
        prepared = runtimes.Prepared(files={"kernels": (kernels.FILE, data)})
        for name, content in runtimes.board_model(model, None, prepared).items():
            (folder / name).write_bytes(content)
        *log, scores = micropython(script, folder, tmp_path / "picture").splitlines()
        assert json.loads(scores) == expected.tolist()
        return log

    return run


def test_good_kernels_are_tried_once(answer, model, tmp_path):
    data = builtin.prepared(model, "x64")["kernels"][1]
    layers = len(records.read(model.tflite.read_bytes()))
    (line,) = answer(data)
    assert line.startswith("kernels: machine code computes ")
    assert line.endswith(f" of {layers} layers, checked against viper")
    assert json.loads((tmp_path / "galago.kernels.json").read_text())["wrong"] == []
    assert answer(data) == []


def test_each_viper_kernel_is_imported_once(answer, model):
    """An import takes a slow board tens of milliseconds, and a model has dozens of layers."""
    log = answer(builtin.prepared(model, "x64")["kernels"][1], COUNTING + SCRIPT)
    imported = [line for line in log if line.startswith("imports ")]
    assert len(imported) == len(set(imported)) > 1


def test_viper_takes_over_what_is_wrong(answer, model, tmp_path):
    layers = records.read(model.tflite.read_bytes())
    good = kernels.generate(layers, "x64")
    spoilt = max(good, key=lambda kernel: len(kernel.scratch))
    data = kernels.pack(layers, [replace(k, code=DOES_NOTHING) if k is spoilt else k for k in good], "x64")
    wrong = [
        f"kernels: {spoilt.name} is wrong in layer {layer}, viper computes it" for layer in spoilt.scratch
    ]
    assert sorted(answer(data)[1:]) == sorted(wrong)
    # The verdict is known from then on, and forgotten with the file.
    assert sorted(answer(data)) == sorted(wrong)
    assert answer(kernels.pack(layers, good, "x64"))[0].endswith("checked against viper")


def test_kernels_for_another_processor_are_refused(answer, model):
    (line,) = answer(builtin.prepared(model, "armv7emsp")["kernels"][1])
    assert "kernels.mpy cannot be loaded (incompatible .mpy" in line
    assert line.endswith("viper computes")


def test_kernels_for_another_model_are_not_used(answer):
    other = network(np.random.default_rng(3), True)
    data = kernels.build(other, "x64")
    assert data
    named = {layer for kernel in kernels.generate(records.read(other), "x64") for layer in kernel.scratch}
    refused = [line for line in answer(data) if "is not the one" in line]
    assert len(refused) == len(named)
