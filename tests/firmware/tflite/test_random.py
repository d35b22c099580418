# SPDX-License-Identifier: MIT
"""Random small graphs, every tensor compared with TensorFlow Lite Micro: chains, overlaps, unusual shapes."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.builder import NONE, RELU, RELU6, SAME, VALID, Builder

pytestmark = pytest.mark.slow

BATCH = 12  # graphs per example: starting the interpreter costs more than running them


def random_graph(seed: int) -> tuple[bytes, np.ndarray]:
    """Returns a graph with one to seven spatial layers and a head, and three inputs."""
    rng = np.random.default_rng(seed)

    def choice(*values):
        return values[rng.integers(len(values))]

    def int8(*shape: int) -> np.ndarray:
        return rng.integers(-127, 128, shape).astype(np.int8)

    def out(x: int, taps: int, scale: float) -> tuple[float, int]:
        spread = graph.out(x)[0] * scale * 100 * 74 * np.sqrt(taps)
        return float(spread / 127 * rng.uniform(0.3, 3)), int(choice(-128, 127, rng.integers(-128, 128)))

    shape = (1, int(rng.integers(1, 20)), int(rng.integers(1, 20)), int(choice(1, 2, 3, 4, 7, 8, 12, 33)))
    graph = Builder(shape, float(rng.uniform(0.002, 0.1)), int(choice(-128, 0, 127, rng.integers(-128, 128))))
    x, kept = graph.input, [graph.input]
    for _ in range(rng.integers(1, 8)):
        _, height, width, depth = graph.shape(x)
        kernel = int(rng.integers(1, 4)), int(rng.integers(1, 4))
        if rng.random() < 0.1:
            kernel = int(rng.integers(1, 6)), int(rng.integers(1, 6))
        padding = SAME if kernel[0] > height or kernel[1] > width else choice(SAME, VALID)
        stride = choice((1, 1), (1, 1), (2, 2), (2, 1), (3, 2))
        activation = choice(NONE, RELU, RELU6)
        kind = rng.integers(7)
        scale = float(rng.uniform(0.001, 0.02))
        if kind < 3:
            count = int(choice(1, 3, 4, 8, 16, 17, 40))
            if rng.random() < 0.6:
                kernel, stride = (1, 1), (1, 1)
            scales = [scale] if rng.random() < 0.3 else list(scale * rng.uniform(0.2, 1, count))
            bias = rng.integers(-5000, 5000, count).astype(np.int32) if rng.random() < 0.7 else None
            x = graph.conv(
                x, int8(count, *kernel, depth), bias, scales, stride=stride, padding=padding,
                activation=activation, out=out(x, kernel[0] * kernel[1] * depth, scale),
            )  # fmt: skip
        elif kind < 5:
            count = depth * int(choice(1, 1, 1, 2)) if depth < 30 else depth
            scales = list(scale * rng.uniform(0.2, 1, count))
            bias = rng.integers(-5000, 5000, count).astype(np.int32) if rng.random() < 0.7 else None
            x = graph.depthwise(
                x, int8(1, *kernel, count), bias, scales, stride=stride, padding=padding,
                activation=activation, out=out(x, kernel[0] * kernel[1], scale),
            )  # fmt: skip
        elif kind == 5:
            sides = [(0, 0)] + [(int(rng.integers(3)), int(rng.integers(3))) for _ in range(2)]
            x = graph.pad(x, [*sides, (0, 0) if rng.random() < 0.8 else (1, 2)])
        elif rng.random() < 0.5:
            x = graph.average(x, kernel, stride=stride, padding=padding, activation=activation)
        else:
            same = [y for y in kept if graph.shape(y) == graph.shape(x)]
            other = same[rng.integers(len(same))] if same else x
            spread = graph.out(x)[0] + graph.out(other)[0]
            x = graph.add(
                x,
                other,
                activation=activation,
                out=(float(spread * rng.uniform(0.3, 1)), int(choice(-128, 3))),
            )
        kept.append(x)
    depth = graph.shape(x)[3]
    if rng.random() < 0.5:
        x = graph.mean(x, keep=bool(rng.integers(2)), out=(graph.out(x)[0], graph.out(x)[1]))
    else:
        x = graph.reshape(x, (1, int(np.prod(graph.shape(x)))))
    depth = int(np.prod(graph.shape(x)))
    x = graph.dense(x, int8(5, depth), None, [0.01] * int(choice(1, 5)), out=out(x, depth, 0.01))
    if rng.random() < 0.5:
        x = graph.softmax(x)
    pictures = rng.integers(-128, 128, (3, *shape)).astype(np.int8)
    pictures[2] = rng.choice(np.array([-128, 127], np.int8), shape)
    return graph.finish(x), pictures


@settings(
    max_examples=20,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(start=st.integers(0, 10**6))
def test_random_graphs_are_exact(exact, start) -> None:
    exact([random_graph(start * BATCH + i) for i in range(BATCH)])
