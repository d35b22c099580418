# SPDX-License-Identifier: MIT
"""Kernels, one at a time: byte for byte as TensorFlow Lite Micro, inside their buffers, by the convention."""

import numpy as np
import pytest
from bench import Bench, Layer
from builder import NONE, RELU, RELU6, SAME, VALID, Builder

from galago import models
from galago.native import count, kernels, records
from galago.native.device import Device
from galago.tflm import Tflm

ARCHITECTURES = ("rv32imc",)
MOST = {"rv32imc": 5.0}  # instructions per MAC: what was aimed at


def network(rng: np.random.Generator, doubles: bool) -> bytes:
    """A chain of layers with weights, of random shapes and every awkwardness that kernels know.

    With `doubles`, some channels shift by 0; always, some shift so far that their multiplier is 0.
    """
    shape = (1, int(rng.integers(6, 13)), int(rng.integers(6, 15)), int(rng.integers(1, 12)))
    graph = Builder(shape, 1.0, int(rng.choice([-128, 0, 127, 5])))
    y = graph.input
    for _ in range(6):
        _, height, width, depth = graph.shape(y)
        kind = rng.choice(["pointwise", "depthwise", "convolution", "odd"])
        window = {"pointwise": (1, 1), "odd": tuple(int(n) for n in rng.integers(1, 5, 2))}.get(kind, (3, 3))
        stride = (2, 2) if kind in ("depthwise", "convolution") and rng.random() < 0.4 else (1, 1)
        channels = depth if kind == "depthwise" else int(rng.integers(1, 19))
        taps = window[0] * window[1] * (1 if kind == "depthwise" else depth)
        weights = rng.integers(-128, 128, (channels, *window, taps // (window[0] * window[1]))).astype(
            np.int8
        )
        # Outputs spread over their range; the scale of tensors is 1, so that of weights is the factor.
        base = 0.012 / np.sqrt(taps)
        scales = base * np.exp(rng.uniform(-1, 1, channels))
        bias = rng.integers(-3000, 3000, channels).astype(np.int32)
        for channel in np.flatnonzero(rng.random(channels) < 0.15):
            scales[channel] = rng.choice([1e-8, 3e-10, 1e-12])
            bias[channel] = rng.choice([-1, 1]) * rng.choice(
                [1 << 30, 12345, int(4 / scales[channel]) % (1 << 30)]
            )
        if doubles:
            channel = rng.integers(channels)
            scales[channel], bias[channel] = 0.75, rng.integers(-40, 40)
            weights[channel] = rng.integers(-1, 2, weights[channel].shape)
        activation = int(rng.choice([NONE, RELU, RELU6]))
        common = {
            "stride": stride,
            "padding": VALID if min(height, width) > 6 and rng.random() < 0.3 else SAME,
            "activation": activation,
            "out": (
                1.0 if activation != RELU6 else 0.03,
                -128 if activation else int(rng.integers(-128, 128)),
            ),
        }
        scales *= common["out"][0] / graph.out(y)[0]
        given = bias if rng.random() < 0.8 else None
        if kind == "depthwise":
            y = graph.depthwise(
                y, weights[..., 0].transpose(1, 2, 0)[None].copy(), given, list(scales), **common
            )
        else:
            y = graph.conv(y, weights, given, list(scales), **common)
    return graph.finish(y)


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


@pytest.mark.parametrize("arch", ARCHITECTURES)
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
