# SPDX-License-Identifier: MIT
"""Single operators and their corner cases, each compared with TensorFlow Lite Micro."""

import numpy as np
import pytest

from support.builder import NONE, RELU, RELU6, SAME, VALID, Builder

rng = np.random.default_rng(3)


def int8(*shape: int) -> np.ndarray:
    return rng.integers(-127, 128, shape).astype(np.int8)


def int32(*shape: int) -> np.ndarray:
    return rng.integers(-3000, 3000, shape).astype(np.int32)


def scales(count: int, low: float = 0.001, high: float = 0.02) -> list[float]:
    return list(rng.uniform(low, high, count))


def inputs(graph: Builder, count: int = 3) -> np.ndarray:
    shape = graph.shape(graph.input)
    noise = rng.integers(-128, 128, (count, *shape)).astype(np.int8)
    noise[-1] = rng.choice(np.array([-128, 127], np.int8), shape)
    return noise


CONVOLUTIONS = [
    # input, kernel, stride, padding, channels, input zero, activation, output
    ((8, 8, 4), (1, 1), (1, 1), SAME, 8, -128, RELU, (0.1, -128)),
    ((5, 7, 3), (3, 3), (2, 2), SAME, 5, 0, RELU6, (0.05, -128)),
    ((6, 6, 3), (3, 3), (2, 2), SAME, 5, 127, NONE, (0.3, 0)),
    ((7, 5, 3), (3, 3), (2, 2), VALID, 6, -128, NONE, (0.3, 127)),
    ((9, 9, 2), (3, 3), (3, 2), SAME, 3, 5, RELU, (0.2, 10)),
    ((1, 1, 9), (1, 1), (1, 1), SAME, 7, -7, NONE, (0.2, -5)),
    ((1, 1, 5), (3, 3), (1, 1), SAME, 3, 12, NONE, (0.1, 3)),
    ((2, 2, 1), (5, 5), (1, 1), SAME, 2, 3, NONE, (0.1, 3)),
    ((4, 11, 13), (1, 1), (2, 2), SAME, 17, 4, NONE, (0.5, -9)),
    ((7, 6, 5), (2, 4), (1, 3), SAME, 4, -20, RELU6, (0.04, -100)),
    ((7, 6, 5), (4, 2), (3, 1), VALID, 4, -20, NONE, (0.4, 0)),
    ((3, 50, 8), (1, 1), (1, 1), VALID, 4, 1, NONE, (0.2, 0)),
    ((6, 6, 33), (3, 3), (1, 1), SAME, 9, -128, RELU, (0.6, -128)),
]


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "plain"])
@pytest.mark.parametrize("channels", ["tensor", "channels"])
def test_convolution(exact, bias, channels) -> None:
    cases = []
    for shape, kernel, stride, padding, depth, zero, activation, out in CONVOLUTIONS:
        graph = Builder((1, *shape), 0.02, zero)
        weights = int8(depth, *kernel, shape[2])
        graph_scales = scales(depth if channels == "channels" else 1)
        y = graph.conv(
            graph.input, weights, int32(depth) if bias else None, graph_scales,
            stride=stride, padding=padding, activation=activation, out=out,
        )  # fmt: skip
        cases.append((graph.finish(y), inputs(graph)))
    exact(cases)


DEPTHWISE = [
    ((8, 8, 4), (3, 3), (1, 1), SAME, 1, -128, RELU, (0.02, -128)),
    ((5, 7, 3), (3, 3), (2, 2), SAME, 1, 0, RELU6, (0.05, -128)),
    ((6, 6, 3), (3, 3), (2, 2), SAME, 1, 127, NONE, (0.03, 0)),
    ((7, 5, 3), (3, 3), (2, 2), VALID, 2, -128, NONE, (0.03, 127)),
    ((1, 1, 9), (3, 3), (1, 1), SAME, 1, -7, NONE, (0.02, -5)),
    ((3, 3, 5), (3, 3), (2, 2), SAME, 1, 12, NONE, (0.01, 3)),
    ((2, 2, 1), (5, 5), (1, 1), SAME, 3, 3, NONE, (0.01, 3)),
    ((9, 4, 6), (5, 5), (2, 2), SAME, 1, 4, NONE, (0.05, -9)),
    ((7, 6, 5), (2, 4), (1, 3), SAME, 1, -20, RELU6, (0.04, -100)),
    ((9, 6, 5), (1, 3), (3, 1), VALID, 2, -20, NONE, (0.04, 0)),
    ((9, 9, 2), (2, 2), (3, 3), VALID, 1, -128, RELU, (0.01, -128)),
    ((7, 7, 3), (7, 7), (1, 1), VALID, 1, 100, NONE, (0.1, 0)),
]


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "plain"])
def test_depthwise(exact, bias) -> None:
    cases = []
    for shape, kernel, stride, padding, multiplier, zero, activation, out in DEPTHWISE:
        graph = Builder((1, *shape), 0.02, zero)
        depth = shape[2] * multiplier
        y = graph.depthwise(
            graph.input, int8(1, *kernel, depth), int32(depth) if bias else None, scales(depth),
            stride=stride, padding=padding, activation=activation, out=out,
        )  # fmt: skip
        cases.append((graph.finish(y), inputs(graph)))
    exact(cases)


@pytest.mark.parametrize("channels", ["tensor", "channels"])
def test_fully_connected(exact, channels) -> None:
    cases = []
    for batch, depth, count, zero, activation in [
        (1, 16, 10, 0, NONE),
        (1, 7, 3, -128, RELU),
        (3, 33, 2, 127, RELU6),
    ]:
        for _ in range(8):
            graph = Builder((batch, depth), float(rng.uniform(0.001, 0.1)), zero)
            y = graph.dense(
                graph.input, int8(count, depth), int32(count), scales(count if channels == "channels" else 1),
                activation=activation, out=(float(rng.uniform(0.05, 0.5)), int(rng.integers(-128, 128))),
            )  # fmt: skip
            cases.append((graph.finish(y), inputs(graph)))
    exact(cases)


@pytest.mark.parametrize("activation", [NONE, RELU, RELU6])
def test_add(exact, activation) -> None:
    cases = []
    for i in range(12):
        graph = Builder((1, 5, 6, 3), float(rng.uniform(0.001, 0.1)), int(rng.integers(-128, 128)))
        out = (float(rng.uniform(0.001, 0.1)), int(rng.integers(-128, 128)))
        y = graph.conv(graph.input, int8(3, 1, 1, 3), None, scales(3, 0.005, 0.01), out=out)
        y = graph.add(
            graph.input, y if i else graph.input, activation=activation,
            out=(float(rng.uniform(0.01, 0.2)), int(rng.integers(-128, 128))),
        )  # fmt: skip
        cases.append((graph.finish(y), inputs(graph, 6)))
    exact(cases)


def test_mean(exact) -> None:
    cases = []
    for shape in [(1, 1, 5), (3, 3, 8), (7, 7, 4), (5, 1, 3), (12, 17, 2), (2, 2, 1)]:
        for keep in (True, False):
            graph = Builder((1, *shape), 0.05, int(rng.integers(-128, 128)))
            y = graph.mean(
                graph.input, keep=keep, axes=(2, 1) if keep else (1, 2),
                out=(float(rng.uniform(0.01, 0.08)), int(rng.integers(-128, 128))),
            )  # fmt: skip
            cases.append((graph.finish(y), inputs(graph, 5)))
    exact(cases)


def test_average_pool(exact) -> None:
    cases = []
    for shape, kernel, stride, padding, activation in [
        ((3, 3, 8), (3, 3), (3, 3), VALID, NONE),
        ((5, 7, 3), (2, 2), (2, 2), SAME, RELU),
        ((8, 8, 2), (8, 8), (8, 8), VALID, RELU6),
        ((4, 4, 5), (3, 3), (1, 1), SAME, NONE),
        ((1, 1, 3), (1, 1), (1, 1), VALID, NONE),
        ((6, 5, 1), (2, 3), (3, 1), SAME, NONE),
    ]:
        graph = Builder((1, *shape), 0.03, int(rng.integers(-128, 100)))
        y = graph.average(graph.input, kernel, stride=stride, padding=padding, activation=activation)
        cases.append((graph.finish(y), inputs(graph, 5)))
    exact(cases)


def test_pad(exact) -> None:
    cases = []
    for pads in [[(0, 0), (0, 1), (0, 1), (0, 0)], [(0, 0), (2, 0), (1, 3), (2, 1)], [(0, 0)] * 4]:
        graph = Builder((1, 4, 3, 2), 0.1, int(rng.integers(-128, 128)))
        cases.append((graph.finish(graph.pad(graph.input, pads)), inputs(graph)))
    exact(cases)


def test_reshape(exact) -> None:
    graph = Builder((1, 4, 3, 2))
    cases = [(graph.finish(graph.reshape(graph.input, (1, 24))), inputs(graph))]
    graph = Builder((1, 4, 3, 2))
    y = graph.reshape(graph.add(graph.input, graph.input, out=(0.1, 1)), (1, 2, 2, 6))
    cases.append((graph.finish(y), inputs(graph)))
    exact(cases)


def test_softmax(exact) -> None:
    cases = []
    for depth, scale, beta in [
        (2, 0.1, 1.0), (10, 0.004, 1.0), (20, 0.25, 1.0), (1000, 0.05, 1.0), (1, 0.1, 1.0), (7, 8.0, 1.0),
        (33, 0.07, 0.3), (2, 1.0, 1.0), (3, 2.0, 1.0), (511, 0.06, 1.0), (256, 1 / 32, 1.0), (1, 1e-3, 1.0),
        (5, 40.0, 1.0), (12, 1e-6, 1.0), (300, 1e-4, 2.0),
    ]:  # fmt: skip
        graph = Builder((1, depth), scale, int(rng.integers(-128, 128)))
        pictures = inputs(graph, 8)
        if depth < 512:  # TFLM aborts the process if the sum of exponentials exceeds 511
            pictures[0] = 5
        pictures[1, :, 0] = 127
        pictures[2] = -128
        pictures[2, :, -1] = 127  # one class: its probability saturates
        pictures[3, :] = np.resize(np.arange(-128, 128), depth)  # differences on both sides of the cutoff
        cases.append((graph.finish(graph.softmax(graph.input, beta=beta)), pictures))
    graph = Builder((3, 4), 0.1)
    cases.append((graph.finish(graph.softmax(graph.input)), inputs(graph)))
    exact(cases)


def test_ties_and_saturation(exact) -> None:
    """A multiplier of exactly 1/2 or 1/4 makes every odd accumulator, of either sign, a tie."""
    cases = []
    for out in [
        (0.5, 0),
        (1.0, -3),
        (0.25, 0),
        (2.0, 127),
        (0.0625, -128),
        (64.0, 0),
        (1 / 1024, 3),
        (1 / 65536, 0),
    ]:
        graph = Builder((1, 6, 6, 3), 0.5, 1)
        cases.append(
            (graph.finish(graph.conv(graph.input, int8(4, 1, 1, 3), int32(4), [0.5], out=out)), inputs(graph))
        )
        graph = Builder((1, 6, 6, 3), 0.5, 1)
        cases.append(
            (
                graph.finish(graph.depthwise(graph.input, int8(1, 2, 2, 3), None, [0.5] * 3, out=out)),
                inputs(graph),
            )
        )
    exact(cases)


def test_extreme_multipliers(exact) -> None:
    """Covers shifts from far right, where all outputs are the zero point, to left."""
    cases = []
    for power in range(-45, 8):
        graph = Builder((1, 3, 3, 2), 1.0, -5)
        bias = np.array([1 << 20, -(1 << 20)], np.int32)
        y = graph.conv(graph.input, int8(2, 1, 1, 2), bias, [1.3 * 2.0**power, 2.0**power], out=(1.0, 4))
        cases.append((graph.finish(y), inputs(graph)))
    exact(cases)
