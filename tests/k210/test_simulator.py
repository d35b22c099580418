# SPDX-License-Identifier: MIT
"""Whole models on the simulator (Sipeed's MobileNet on real photos), and the CPU's layers one by one."""

import struct
from pathlib import Path

import numpy as np
import pytest

from galago import dataset, pictures
from galago.errors import GalagoError
from galago.targets.k210 import cpu_layers, kpu_arithmetic
from galago.targets.k210.kmodel import Kmodel
from galago.targets.k210.kpu_conv import KpuConv
from galago.targets.k210.layer import KmodelLayer
from galago.targets.k210.simulator import Simulator


def read(data: Path, name: str) -> Kmodel:
    return Kmodel.read((data / "kmodels" / f"{name}.kmodel").read_bytes())


def test_mobilenet_recognizes_photos(data: Path) -> None:
    """Top-1 on all 650 photos is 64 % (docs/k210.md); ten of them show that nothing is upside down."""
    simulator = Simulator(read(data, "mbnet75"))
    photos = dataset.from_labels_file(data / "images" / "imagenet_val650")
    right = 0
    for path, label in zip(photos.paths[::65], photos.labels[::65], strict=True):
        planes = pictures.resize(pictures.load(path), 224, 224).transpose(2, 0, 1)
        (scores,) = simulator.run(np.ascontiguousarray(planes))
        assert scores.sum() == pytest.approx(1, abs=1e-5)
        right += int(scores.argmax() == label)
    assert right >= 5


@pytest.mark.parametrize("rounding", kpu_arithmetic.ROUNDINGS)
def test_a_small_model_runs_under_both_rules(data: Path, rounding: kpu_arithmetic.Rounding) -> None:
    """A vertical stroke is the digit 1, black on white or the reverse."""
    simulator = Simulator(read(data, "mnist"), rounding)
    stroke = np.zeros((1, 28, 28), np.uint8)
    stroke[0, 4:24, 13:15] = 255
    answers = {int(simulator.run(picture)[0].argmax()) for picture in (stroke, 255 - stroke)}
    assert 1 in answers


@pytest.mark.parametrize("name", ["face_detect", "mask"])
def test_detectors_give_maps(data: Path, name: str) -> None:
    """Outputs are the last map's bytes with the last layer's scale and bias."""
    model = read(data, name)
    simulator = Simulator(model)
    seen = {}
    (output,) = simulator.run(
        np.full(simulator.input_shape, 127, np.uint8), lambda number, _, result: seen.update({number: result})
    )
    last = model.layers[-1]
    assert isinstance(last, cpu_layers.Dequantize)
    whole = next(result for number, result in sorted(seen.items(), reverse=True) if result.dtype == np.uint8)
    expected = whole.ravel() * np.float32(last.scale) + np.float32(last.bias)
    assert np.allclose(output[: expected.size], expected)


def one_layer(layer: KmodelLayer, memory: dict[int, np.ndarray]) -> Simulator:
    """Returns a simulator that has run one CPU layer on arrays at addresses of main RAM."""
    simulator = Simulator(Kmodel([KpuConv(), layer], [(0, 4)], 4096))
    for address, values in memory.items():
        simulator._put(address, values)
    simulator._run(layer)
    return simulator


RNG = np.random.default_rng(3)
FLOATS = RNG.normal(0, 3, 24).astype(np.float32)
OTHERS = RNG.normal(0, 3, 24).astype(np.float32)
BYTES = RNG.integers(0, 256, 32).astype(np.uint8)


@pytest.mark.parametrize(
    ("layer", "memory", "expected"),
    [
        (cpu_layers.Add(1, 0, 256, 512, 24), {0: FLOATS, 256: OTHERS}, FLOATS + OTHERS),
        (cpu_layers.Dequantize(1, 0, 512, 32, 0.5, -2.0), {0: BYTES}, BYTES * 0.5 - 2.0),
        (
            cpu_layers.ChannelwiseDequantize(1, 0, 512, 2, 16, np.array([0.5, 1, 0.25, -3], np.float32)),
            {0: BYTES},
            np.concatenate([BYTES[:16] * 0.5 + 1, BYTES[16:] * 0.25 - 3]),
        ),
        (cpu_layers.GlobalAveragePool(1, 0, 512, 6, 4), {0: FLOATS}, FLOATS.reshape(4, 6).mean(1)),
        (cpu_layers.Softmax(1, 0, 512, 24), {0: FLOATS}, np.exp(FLOATS) / np.exp(FLOATS).sum()),
        (cpu_layers.Logistic(1, 0, 512, 24), {0: FLOATS}, 1 / (1 + np.exp(-FLOATS))),
        (cpu_layers.L2Normalization(1, 0, 512, 24), {0: FLOATS}, FLOATS / np.linalg.norm(FLOATS)),
        (
            cpu_layers.FullyConnected(1, 0, 512, 6, 4, 1, FLOATS, OTHERS[:4]),
            {0: OTHERS[:6]},
            np.maximum(FLOATS.reshape(4, 6) @ OTHERS[:6] + OTHERS[:4], 0),
        ),
        (
            cpu_layers.Flatten(1, 0, 512, 4, 3, 2),
            {0: FLOATS},
            [FLOATS[c * 12 + y * 4 + x] for y in range(3) for x in range(4) for c in range(2)],
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, KmodelLayer) else "",
)
def test_float_layers(layer: KmodelLayer, memory: dict, expected: np.ndarray) -> None:
    result = one_layer(layer, memory)._floats(512, len(expected))
    assert np.allclose(result, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "memory", "expected"),
    [
        (
            cpu_layers.Quantize(1, 0, 512, 6, 0.5, -10.0),
            {0: np.array([-20, -9.75, -9.74, 0.25, 0.24, 300], np.float32)},
            [0, 1, 1, 21, 20, 255],
        ),
        (cpu_layers.Requantize(1, 0, 512, 32, np.arange(256, dtype=np.uint8)[::-1]), {0: BYTES}, 255 - BYTES),
        (cpu_layers.RemovePadding(1, 0, 512, 2), {0: BYTES}, BYTES[[0, 16]]),
        (
            cpu_layers.Concat(1, 512, 2, np.array([8, 4, 0, 2], np.uint32)),
            {0: BYTES},
            np.concatenate([BYTES[8:12], BYTES[:2]]),
        ),
        (  # ((a - 10) * 3 + (b - 20) * 5) >> 1, then * 3 / 16 with halves up, + 7
            cpu_layers.QuantizedAdd(1, 0, 16, 512, 4, -10, 3, 1, -20, 5, 1, 7, 3, 4),
            {0: np.array([10, 30, 200, 0], np.uint8), 16: np.array([20, 0, 255, 10], np.uint8)},
            [7, 7 + -4, min(255, 7 + (872 * 3 + 8) // 16), 0],
        ),
        (  # 3x2 pixels, windows of 2x2 with stride 1 and one column of padding
            cpu_layers.QuantizedMaxPool(1, 0, 512, 3, 2, 1, 4, 1, 1, 2, 2, 1, 1, 1, 0),
            {0: np.array([1, 5, 2, 7, 3, 9], np.uint8)},
            [7, 7, 9, 9],
        ),
        (  # one-pixel windows with stride 2: pixels are picked, those outside are 0
            cpu_layers.QuantizedMaxPool(1, 0, 512, 3, 3, 1, 3, 3, 1, 1, 1, 2, 2, 0, 0),
            {0: np.array([1, 2, 3, 4, 5, 6, 7, 8, 9], np.uint8)},
            [1, 3, 0, 7, 9, 0, 0, 0, 0],
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, KmodelLayer) else "",
)
def test_byte_layers(layer: KmodelLayer, memory: dict, expected: np.ndarray) -> None:
    assert one_layer(layer, memory)._bytes(512, len(expected)).tolist() == list(expected)


def test_padding_is_added_where_the_kpu_reads() -> None:
    """Channel c goes to byte (c mod 4) * 16 of line 7 + 4 * (c div 4), and nothing else is touched."""
    simulator = one_layer(cpu_layers.AddPadding(0, 0, 7, 6), {0: BYTES[:6]})
    expected = np.zeros_like(simulator.ram)
    for c in range(6):
        expected[7 * 64 + c // 4 * 256 + c % 4 * 16] = BYTES[c]
    assert np.array_equal(simulator.ram, expected)


def test_an_uploaded_map_is_where_the_kpu_reads() -> None:
    """Three channels of 5x2 pixels in one group of four: rows are lines, channels 16 bytes apart."""
    simulator = one_layer(cpu_layers.Upload(0, 0, 3, 5, 2, 3), {0: BYTES[:30]})
    for c, y, x in np.ndindex(3, 2, 5):
        assert simulator.ram[3 * 64 + c * 16 + y * 64 + x] == BYTES[c * 10 + y * 5 + x]


def test_a_picture_of_another_size_is_refused(data: Path) -> None:
    with pytest.raises(GalagoError, match=r"\(1, 28, 28\)") as caught:
        Simulator(read(data, "mnist")).run(np.zeros((3, 28, 28), np.uint8))
    assert caught.value.code == "image.size"


def test_a_model_without_a_first_convolution_is_refused() -> None:
    body = struct.pack("<4I", 1, 0, 0, 4)
    layer = cpu_layers.Softmax.read(body, 0, 16, "layer 0")
    with pytest.raises(GalagoError, match="first layer") as caught:
        Simulator(Kmodel([layer], [(0, 16)], 16))
    assert caught.value.code == "model.operator"
