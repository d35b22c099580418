# SPDX-License-Identifier: MIT
"""The engine's arithmetic in numpy, and its loader in CPython, where there is no TFLM and no MicroPython."""

import json
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from galago.resources import firmware_dir, models_dir
from galago.tflite import engine, legacy, schema
from galago.tflite.exact import Exact
from galago.tflite.tflm import Tflm
from support import operator_models

DEVICE_KERNELS = firmware_dir() / "mobilenet" / "tflite" / "kernels"
# Kernels for machine code, and names that are no kernel.
NO_KERNELS = {"__init__", "native", "proof", "schedule"}

PLANS = """
import json
from mobilenet import GalagoError
from mobilenet.tflite.loading import planner

for path in paths:
    try:
        with open(path, "rb") as file:
            records, facts = planner.plan(file, None)
        print(json.dumps([list(records), sorted(facts.items())]))
    except GalagoError as error:
        print(json.dumps([error.code, error.message]))
"""


def equal(model: bytes, seed: int) -> None:
    """Compares every tensor with TensorFlow Lite Micro's, for noise and for extreme inputs."""
    oracle, network = Tflm(model), Exact(model)
    rng = np.random.default_rng(seed)
    noise = rng.integers(-128, 128, oracle.input_shape).astype(np.int8)
    extreme = rng.choice(np.array([-128, 127], np.int8), oracle.input_shape)
    for picture in (noise, extreme):
        expected, found = oracle.tensors(picture), network.tensors(picture)
        assert list(found) == list(expected)
        for tensor, values in expected.items():
            np.testing.assert_array_equal(found[tensor], values, f"tensor {tensor}")


@pytest.mark.parametrize("name", sorted(operator_models.names()))
def test_every_operator_equals_tflm(name: str) -> None:
    for seed in range(2):
        equal(operator_models.build(name, zlib.crc32(name.encode()) + seed), seed)


@pytest.mark.parametrize(
    "file", sorted(models_dir().glob("*/model.tflite")), ids=lambda file: file.parent.name
)
def test_shipped_models_equal_tflm(file: Path) -> None:
    equal(file.read_bytes(), 1)


def test_each_kernel_of_the_device_has_a_file() -> None:
    names = {path.stem for path in DEVICE_KERNELS.glob("*.py")} - NO_KERNELS
    folder = Path(engine.__file__).parent / "exact"
    assert names <= {path.stem for path in folder.glob("*.py")}


def test_the_loader_decides_in_cpython_what_it_decides_in_micropython(micropython, tmp_path: Path) -> None:
    models = [operator_models.build(name, 7) for name in operator_models.names()]
    shipped = (models_dir() / "everyday-v1-025-96" / "model.tflite").read_bytes()
    broken = schema.parse(shipped)
    legacy.to_int8(broken)
    models += [shipped, shipped[:5000], b"", schema.pack(broken)]
    paths = [tmp_path / f"{number}.tflite" for number in range(len(models))]
    for path, model in zip(paths, models, strict=True):
        path.write_bytes(model)
    script = f"paths = {[str(path) for path in paths]}\n{PLANS}"
    program = [sys.executable, "-I", "-S", str(Path(engine.__file__).with_name("engine_on_cpython.py"))]
    done = subprocess.run([*program, str(firmware_dir())], input=script, capture_output=True, text=True)
    assert not done.stderr
    expected = [json.loads(line) for line in micropython(script, heap="64m").splitlines()]
    assert [json.loads(line) for line in done.stdout.splitlines()] == expected
