# SPDX-License-Identifier: MIT
"""Compiled networks on the simulated K210 against TensorFlow Lite Micro."""

from pathlib import Path

import numpy as np
import pytest
from kmodel_runs import logits, random_picture, run
from random_networks import RELU, VALID, RandomNetwork, small_v1, small_v2

from galago import dataset, models, pictures
from galago.targets.k210 import kpu_arithmetic
from galago.targets.k210.compiler import compile_model
from galago.targets.k210.cpu_layers import QuantizedMaxPool
from galago.targets.k210.kmodel import Kmodel
from galago.targets.k210.kpu_conv import KpuConv
from galago.targets.k210.lowering.convolution import QuantizedKernel, build_conv
from galago.tflite.graph import Graph
from galago.tflite.tflm import Tflm


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", [small_v1, small_v2])
def test_random_networks_answer_as_tflm(kind, seed: int) -> None:
    net = kind(np.random.default_rng(seed))
    data = net.finish()
    size, channels = net.builder.shape(net.builder.input)[2:]
    got, expected = logits(data, compile_model(data), random_picture(seed, size, channels))
    assert expected.std() > 10, "the network does not discriminate"
    assert np.array_equal(got, expected)


@pytest.mark.parametrize("seed", range(4))
def test_maps_below_4x4_answer_as_tflm(seed: int) -> None:
    """A 24-pixel input ends in 3x3 maps, with depthwise layers and an addition."""
    data = small_v2(np.random.default_rng(seed), size=24, strides=(2, 2, 1)).finish()
    compiled = compile_model(data)
    assert sum(isinstance(layer, QuantizedMaxPool) for layer in compiled.model.layers) == 4
    got, expected = logits(data, compiled, random_picture(seed, 24))
    assert np.array_equal(got, expected)


def test_layers_of_a_network_equal_tflm() -> None:
    """The first convolutions are compared byte for byte."""
    net = small_v2(np.random.default_rng(11))
    data = net.finish()
    size = net.builder.shape(net.builder.input)[2]
    graph, compiled = Graph.read(data), compile_model(data)
    pixels = random_picture(5, size)
    results, expected = run(compiled, pixels), Tflm(data).tensors(pixels)
    compared = 0
    for number, operator in enumerate(graph.operators[:4]):
        expected_map = expected[operator.output][0].astype(int) + 128
        got_map = results[number].transpose(1, 2, 0)[::-1, ::-1].astype(int)
        assert np.array_equal(got_map, expected_map), str(operator)
        compared += got_map.size
    assert compared > 10_000


def test_both_rounding_rules_give_the_same_bytes() -> None:
    net = small_v2(np.random.default_rng(7))
    data = net.finish()
    compiled = compile_model(data)
    pixels = random_picture(1, net.builder.shape(net.builder.input)[2])
    for up, even in zip(run(compiled, pixels, "up"), run(compiled, pixels, "even"), strict=True):
        assert np.array_equal(up, even)


def test_the_shipped_model_answers_as_tflm(data: Path) -> None:
    """Its head has two dense layers with a softmax each: 348 kinds of things become 20 classes."""
    tflite = models.find("everyday-v1-025-96").tflite.read_bytes()
    compiled, oracle = compile_model(tflite), Tflm(tflite)
    photos = dataset.from_labels_file(data / "images" / "imagenet_val650").paths[::50]
    same = 0
    for photo in photos:
        pixels = pictures.to_input(pictures.load(photo), 96, 96, 3)
        scores, expected = run(compiled, pixels)[-1].ravel(), oracle.run(pixels).ravel() / 256 + 0.5
        same += expected[scores.argmax()] == expected.max()
        assert abs(scores - expected).max() < 0.15
    assert same >= len(photos) - 1


@pytest.mark.parametrize("name", ["vww_96_int8", "person_detect"])
def test_known_models_answer_as_tflm(data: Path, name: str) -> None:
    """Models by others, with AVERAGE_POOL_2D, and a depthwise first layer with eight outputs."""
    tflite = (data / "weights" / f"{name}.tflite").read_bytes()
    compiled = compile_model(tflite)
    channels = compiled.model.layers[0].registers.i_ch_num  # type: ignore[attr-defined]
    for photo in ("person.bmp", "no_person.bmp"):
        pixels = pictures.to_input(pictures.load(data / "weights" / photo), 96, 96, channels)
        got, expected = logits(tflite, compiled, pixels)
        assert got.argmax() == expected.argmax()
        assert np.array_equal(got, expected)


def test_mobilenet_075_is_as_large_as_sipeeds(data: Path) -> None:
    """File size and main RAM equal those of the vendor's compiler for the same architecture, to the byte."""
    real = (data / "kmodels" / "mbnet75.kmodel").read_bytes()
    net = RandomNetwork(np.random.default_rng(0), size=224)
    net.conv(24, stride=2)
    widths = [48, 96, 96, 192, 192, 384, 384, 384, 384, 384, 384, 768, 768]
    for number, width in enumerate(widths):
        net.depthwise(stride=2 if number in (1, 3, 5, 11) else 1)
        net.conv(width, kernel=1)
    net.head(1000)
    model = compile_model(net.finish()).model
    assert len(model.write()) == len(real)
    assert model.main_bytes == Kmodel.read(real).main_bytes
    vendors = [type(layer).__name__ for layer in Kmodel.read(real).layers]
    assert [type(layer).__name__ for layer in model.layers] == vendors


def test_a_first_block_too_large_is_cut_into_slices() -> None:
    """96 channels at 112x112, as in MobileNetV2 1.0 at 224, take 2.7 MiB; the KPU has 2."""
    net = RandomNetwork(np.random.default_rng(2), size=224)
    net.conv(16, stride=2)
    net.conv(96, kernel=1)
    net.depthwise(stride=2)
    net.conv(8, kernel=1, activation=0)
    net.head(4)
    data = net.finish()
    compiled = compile_model(data)
    assert compiled.kpu_lines <= 32768
    assert sum(isinstance(layer, KpuConv) for layer in compiled.model.layers) == 1 + 4 * 3 + 1 + 1
    got, expected = logits(data, compiled, random_picture(3, 224))
    assert np.array_equal(got, expected)


@pytest.mark.parametrize("features", [1024, 1280, 1296])
def test_more_features_than_a_layer_has_channels(features: int) -> None:
    """1296 is a multiple of nine, the pixels under a 3x3 kernel; 1280 is not."""
    net = RandomNetwork(np.random.default_rng(4), size=16)
    net.conv(16, stride=2)
    net.conv(features, kernel=1)
    net.head(30, hidden=40)
    data = net.finish()
    for head in ("kpu", "cpu"):
        got, expected = logits(data, compile_model(data, head), random_picture(4, 16))
        assert expected.std() > 10
        if head == "kpu":
            assert np.array_equal(got, expected)
        else:  # float between its layers
            assert abs(got - expected).max() <= 2
            assert abs(got - expected).mean() < 0.7


@pytest.mark.parametrize("size", [16, 32, 80])
def test_projections_are_cut_into_layers(size: int) -> None:
    """64 channels without activation become four layers with four tables; the sum shows that they line up."""
    net = RandomNetwork(np.random.default_rng(size), size=size)
    net.conv(16, stride=2)
    x = net.conv(64, kernel=1, activation=0)
    net.conv(32, kernel=1)
    y = net.conv(64, kernel=1, activation=0)
    net.add(x, y)
    net.conv(24, kernel=1)
    net.head(6)
    data = net.finish()
    compiled = compile_model(data)
    assert [name.split()[1] for name in compiled.names[:11]] == [
        str(n) for n in (0, 1, 1, 1, 1, 2, 3, 3, 3, 3, 4)
    ]
    got, expected = logits(data, compiled, random_picture(size, size))
    assert expected.std() > 10
    assert np.array_equal(got, expected)


@pytest.mark.parametrize("size", [16, 20, 40, 72])
def test_sums_may_be_pooled(size: int) -> None:
    """An addition treats lines of KPU RAM as wide maps; main RAM must get the pixels in order."""
    net = RandomNetwork(np.random.default_rng(size), size=size)
    x = net.conv(12)
    y = net.conv(12, activation=0)
    net.add(x, y)
    net.head(6)
    data = net.finish()
    got, expected = logits(data, compile_model(data), random_picture(size, size))
    assert expected.std() > 10
    assert abs(got - expected).max() <= 1  # halves are rounded up also in means below the zero point


def test_padding_all_around_needs_no_rotation() -> None:
    """ZeroPadding2D(1) with 'valid', as PyTorch pads; and (0, 1) with 'valid', which equals 'same'."""
    for pads, rotated in (((1, 1), False), ((0, 1), True)):
        net = RandomNetwork(np.random.default_rng(6), size=32)
        net.last = net.builder.pad(net.last, [(0, 0), pads, pads, (0, 0)])
        net.conv(8, stride=2, padding=VALID)
        net.conv(16, kernel=1)
        net.head(5)
        data = net.finish()
        compiled = compile_model(data)
        assert compiled.rotated == rotated
        got, expected = logits(data, compiled, random_picture(6, 32))
        assert np.array_equal(got, expected)


def test_stride_two_by_rotation_is_exact() -> None:
    """One depthwise layer: stride 1 on the rotated map, then every even pixel, rotated back."""
    net = RandomNetwork(np.random.default_rng(8), size=24)
    net.conv(4)
    net.depthwise(stride=2, activation=RELU)
    net.conv(4, kernel=1)
    net.head(3)
    data = net.finish()
    graph, pixels = Graph.read(data), random_picture(8, 24)
    expected = Tflm(data).tensors(pixels)
    first, second = (expected[operator.output][0].view(np.uint8) ^ 128 for operator in graph.operators[:2])
    kernel = QuantizedKernel.of(graph, graph.operators[1]).rotated()
    conv = build_conv(kernel, (24, 24), graph.tensors[graph.operators[1].inputs[0]].zero_point + 128)
    full = kpu_arithmetic.run(conv, np.ascontiguousarray(first.transpose(2, 0, 1)[:, ::-1, ::-1]))
    kept = full[:, ::2, ::2][:, ::-1, ::-1].transpose(1, 2, 0)
    assert np.array_equal(kept, second)
