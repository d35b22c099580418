# SPDX-License-Identifier: MIT
"""Networks in WebAssembly, with and without SIMD, against TensorFlow Lite Micro: every tensor, in Node."""

import json
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from networks import network
from test_engine32 import inverted_residuals

from galago import models
from galago.tflite.tflm import Tflm
from galago.web import js_folder, program
from support import operator_models
from support.requirements import requires

pytestmark = [pytest.mark.slow, requires("node", debian="nodejs")]

SCRIPT = Path(__file__).with_name("web_networks.mjs")


def same(models_: dict[str, bytes], folder: Path, inputs: int) -> dict[str, program.Program]:
    """Compares every tensor of random inputs; returns the programs."""
    programs = {name: program.build(model) for name, model in models_.items()}
    pictures: dict[str, np.ndarray] = {}
    for name, model in models_.items():
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        pictures[name] = rng.integers(-128, 128, (inputs, *Tflm(model).input_shape)).astype(np.int8)
        pictures[name][-1] = rng.choice(np.array([-128, 127], np.int8), pictures[name].shape[1:])
        (folder / f"{name}.kernels").write_bytes(programs[name].kernels)
        (folder / f"{name}.simd").write_bytes(programs[name].simd)
        (folder / f"{name}.tflite").write_bytes(model)
        (folder / f"{name}.json").write_text(json.dumps(programs[name].description))
        (folder / f"{name}.inputs").write_bytes(pictures[name].tobytes())
    cases = [{"name": name, "simd": simd} for name in models_ for simd in (False, True)]
    (folder / "cases.json").write_text(json.dumps(cases))
    subprocess.run(["node", SCRIPT, folder, js_folder()], check=True, timeout=300)
    for name, model in models_.items():
        reference = Tflm(model)
        tensors = [reference.tensors(picture) for picture in pictures[name]]
        layers = programs[name].description["layers"]
        expected = b"".join(found[layer["tensor"]].tobytes() for found in tensors for layer in layers)
        for kind in ("plain", "simd"):
            assert (folder / f"{name}.{kind}.out").read_bytes() == expected, (name, kind)
    return programs


def test_shipped_models(tmp_path: Path) -> None:
    shipped = {name: models.find(name).tflite.read_bytes() for name in models.shipped_names()}
    for program_ in same(shipped, tmp_path, inputs=2).values():
        products = [layer for layer in program_.description["layers"] if layer["macs"]]
        assert all("fast" in layer for layer in products)


def test_random_networks_and_mobilenet_v2(tmp_path: Path) -> None:
    made: dict[str, Callable[[np.random.Generator], bytes]] = {
        "doubles": lambda rng: network(rng, doubles=True),
        "singles": lambda rng: network(rng, doubles=False),
        "bottlenecks": inverted_residuals,
    }
    built = {
        f"{name}{seed}": make(np.random.default_rng(seed)) for name, make in made.items() for seed in range(2)
    }
    same(built, tmp_path, inputs=3)


def test_every_operator(tmp_path: Path) -> None:
    same({name: operator_models.build(name, 3) for name in operator_models.names()}, tmp_path, inputs=3)
