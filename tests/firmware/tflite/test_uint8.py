# SPDX-License-Identifier: MIT
"""Models that were uint8: int8 = uint8 - 128, and weights with a zero point.

The oracle is TensorFlow Lite's reference kernels for uint8. The versions of operators say that a model was
uint8: those of CONV_2D and DEPTHWISE_CONV_2D are below 3 then, and that of AVERAGE_POOL_2D is 1.
"""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from galago.tflite.exact import Exact
from support import uint8
from support.builder import RELU6, Builder
from support.operator_models import Draw

pytestmark = pytest.mark.slow

MODELS, INPUTS = 40, 5


def reference(model: bytes, inputs: np.ndarray) -> list[list[np.ndarray]]:
    oracle = uint8.Reference(uint8.of(model))
    return [[t ^ 0x80 for t in oracle.tensors(x.view(np.uint8) ^ 0x80)] for x in inputs]


def weights(draw: Draw, graph: Builder, *shape: int) -> int:
    """Constant weights with one scale, and with a zero point that is 0 at times."""
    zero = draw.choice(0, draw.integer(-128, 127), draw.integer(-40, 40))
    return graph.tensor("w", shape, [draw.scale(0.002, 0.02)], zero, data=draw.int8(*shape))


def weighted(draw: Draw, graph: Builder, x: int, kind: str) -> int:
    """A layer with weights on a tensor: the builder's, with other weights and the version for uint8."""
    _, _, _, depth = graph.shape(x)
    count = depth if kind == "DEPTHWISE_CONV_2D" else draw.integer(1, 9)
    window = draw.integer(1, 3), draw.integer(1, 3)
    bias = draw.int32(count)
    out = graph.out(x)[0] * 0.01 * 3000 * draw.scale(0.2, 2), draw.zero()
    options = {"stride": draw.choice((1, 1), (2, 2)), "activation": draw.activation(), "out": out}
    if kind == "DEPTHWISE_CONV_2D":
        shape = (1, *window, count)
        y = graph.depthwise(x, draw.int8(*shape), bias, [0.01], **options)
    else:
        shape = (count, *window, depth)
        y = graph.conv(x, draw.int8(*shape), bias, [0.01], **options)
    _replace_weights(draw, graph, x, shape)
    return y


def _replace_weights(draw: Draw, graph: Builder, x: int, shape: tuple[int, ...]) -> None:
    operator = graph.graph.operators[-1]
    chosen = weights(draw, graph, *shape)
    bias = operator.inputs[2]
    operator.inputs = [x, chosen, bias]
    quantization: Any = graph.graph.tensors[bias].quantization
    quantization.scale = [float(np.float32(graph.out(x)[0]) * np.float32(graph.out(chosen)[0]))]


def network(seed: int) -> bytes:
    draw = Draw(seed)
    graph = draw.graph(draw.image(3, 9))
    x = graph.input
    for _ in range(draw.integer(1, 3)):
        x = weighted(draw, graph, x, draw.choice("CONV_2D", "DEPTHWISE_CONV_2D"))
    _, height, width, _ = graph.shape(x)
    match draw.integer(0, 3):
        case 0:
            kernel = draw.integer(1, height), draw.integer(1, width)
            x = graph.average(x, kernel, activation=draw.activation())
        case 1:
            x = graph.pool(x, (height, width), kind="MAX_POOL_2D")
        case 2:
            out = graph.out(x)[0] * draw.scale(0.5, 4), draw.zero()
            x = graph.add(x, x, activation=RELU6, out=out)
    x = graph.reshape(x, (1, int(np.prod(graph.shape(x)))))
    if draw.choice(True, False):
        count = draw.integer(1, 9)
        shape = (count, graph.shape(x)[1])
        out = graph.out(x)[0] * 5 * draw.scale(0.2, 2), draw.zero()
        y = graph.dense(x, draw.int8(*shape), draw.int32(count), [0.01], out=out)
        _replace_weights(draw, graph, x, shape)
        x = y
    for code in graph.model.operatorCodes:
        code.version = 1
    return graph.finish(x)


def test_random_networks_are_exact(exact) -> None:
    cases = []
    for seed in range(MODELS):
        model = network(seed)
        shape = uint8.Reference(uint8.of(model)).input_shape
        noise = np.random.default_rng(seed).integers(-128, 128, (INPUTS, *shape)).astype(np.int8)
        cases.append((model, noise))
    exact(cases, computed=reference)


@pytest.mark.parametrize("seed", range(5))
def test_numpy_is_exact_too(seed: int) -> None:
    model = network(seed)
    here = Exact(model)
    noise = np.random.default_rng(seed).integers(-128, 128, (2, *here.input_shape)).astype(np.int8)
    for picture, expected in zip(noise, reference(model, noise), strict=True):
        for found, values in zip(here.tensors(picture).values(), expected, strict=True):
            np.testing.assert_array_equal(found.view(np.uint8), values)


@pytest.mark.parametrize(
    ("name", "count"), [("mobilenet_v1_0.25_128_quant", 8), ("mobilenet_v2_1.0_224_quant", 1)]
)
def test_googles_models_are_exact(data, exact, name: str, count: int) -> None:
    original = (data / "weights" / f"{name}.tflite").read_bytes()
    shape = uint8.Reference(original).input_shape
    photos = sorted((data / "images" / "imagenet_val650").glob("*.JPEG"))[:count]
    size = shape[2], shape[1]
    pictures = np.stack([np.asarray(Image.open(p).convert("RGB").resize(size)) for p in photos])
    inputs = (pictures ^ 0x80).view(np.int8)[:, None]
    exact([(uint8.shifted(original), inputs)], computed=reference)
