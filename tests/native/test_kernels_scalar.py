# SPDX-License-Identifier: MIT
"""Kernels, one at a time: byte for byte as TensorFlow Lite Micro, inside their buffers, by the convention."""

import numpy as np
import pytest
from bench import Bench, Layer
from networks import network

from galago import models
from galago.native import count, kernels, records
from galago.native.device import Device
from galago.tflm import Tflm

ARCHITECTURES = ("x64", "rv32imc")
MOST = {"rv32imc": 5.0}  # instructions per MAC: what was aimed at


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("seed", range(3))
def test_kernels_equal_tflm(arch: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = network(rng, doubles=bool(seed % 2))
    oracle = Tflm(model)
    layers = records.read(model)
    made = kernels.generate(layers, arch)
    computed = {layer for kernel in made for layer in kernel.scratch}
    assert computed == set(range(len(layers))), "a layer of this network was left to viper"
    bench = Bench(arch)
    picture = rng.integers(-128, 128, oracle.input_shape).astype(np.int8)
    tensors = [picture, *oracle.tensors(picture).values()]
    for kernel in made:
        for number in kernel.scratch:
            source, wanted = tensors[number].tobytes(), tensors[number + 1].tobytes()
            for whole in (True, False):
                found = bench.run(Layer(layers[number], number, kernel, model, source, whole), rng)
                assert found == wanted, f"layer {number} {layers[number].words}, whole: {whole}"


@pytest.mark.parametrize("arch", MOST)
def test_the_shipped_model(arch: str) -> None:
    """Every tensor as TFLM's, and so many instructions at most."""
    model = models.find("everyday-v1-025-96").tflite.read_bytes()
    oracle = Tflm(model)
    picture = np.random.default_rng(1).integers(-128, 128, oracle.input_shape).astype(np.int8)
    data = kernels.build(model, arch)
    assert data
    found = count.run(model, Device(arch), picture, data)
    count.check(found, oracle.tensors(picture))
    assert found.instructions / found.macs < MOST[arch]
