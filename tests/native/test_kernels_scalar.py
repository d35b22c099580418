# SPDX-License-Identifier: MIT
"""Kernels, one at a time: byte for byte as TensorFlow Lite Micro, inside their buffers, by the convention."""

import numpy as np
import pytest
from bench import Bench, Layer, table
from networks import network

from galago import models
from galago.native import count, kernels, qemu, records
from galago.native.device import Device
from galago.tflm import Tflm

ARCHITECTURES = ("x64", "rv32imc", "xtensawin", "armv6m")
MOST = {"rv32imc": 5.0, "xtensawin": 5.0, "armv6m": 6.0}  # instructions per MAC: what was aimed at


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


@pytest.mark.parametrize("arch", [arch for arch in ARCHITECTURES if arch != "x64"])
def test_tables(arch: str) -> None:
    """Multipliers and shifts of scales of every size, and what lies close to a tie, as in TFLM's double."""
    rng = np.random.default_rng(5)
    model = network(rng, doubles=False)
    made = {kernel.name: kernel for kernel in kernels.generate(records.read(model), arch)}
    bench = Bench(arch)
    for in_scale, out_scale, low, high in [(1.0, 1.0, -40, 0), (0.7, 0.03, -20, 1), (3e-5, 9e4, -30, 20)]:
        mantissas = rng.integers(1 << 23, 1 << 24, 300) / (1 << 23)
        mantissas[:50] = (1 << 23) + np.arange(50)
        mantissas[:50] /= 1 << 23
        factors = (mantissas * np.exp2(rng.integers(low, high, 300))).astype("<f4")
        biases = rng.integers(-(1 << 31), 1 << 31, 300).astype("<i4")
        for step, bias in ((4, True), (0, True), (4, False)):
            words = [0] * 32
            values = {"out_c": 300, "scale_step": step, "scales": 2, "bias": 2 + 1200 if bias else 0}
            values["in_scale"], values["out_scale"] = (
                np.array([in_scale, out_scale], "<f4").view("<i4").tolist()
            )
            for name, value in values.items():
                words[records.Record.word(name)] = value
            model = b"xx" + factors.tobytes() + biases.tobytes()
            layer = Layer(records.Record(tuple(words), ()), 0, made["scales"], model, b"", whole=True)
            assert np.array_equal(bench.tables(made, layer), table(layer.record, layer.model))


@pytest.mark.parametrize("arch", MOST)
def test_the_shipped_model(arch: str) -> None:
    """Every tensor as TFLM's, and so many instructions at most."""
    if arch == qemu.XTENSA.arch and qemu.missing():
        pytest.skip(f"{qemu.missing()}")
    model = models.find("everyday-v1-025-96").tflite.read_bytes()
    oracle = Tflm(model)
    picture = np.random.default_rng(1).integers(-128, 128, oracle.input_shape).astype(np.int8)
    data = kernels.build(model, arch)
    assert data
    found = count.run(model, Device(arch), picture, data)
    count.check(found, oracle.tensors(picture))
    assert found.instructions / found.macs < MOST[arch]
