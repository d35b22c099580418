# SPDX-License-Identifier: MIT
"""Refining int8: rounding that keeps sums right, ranges for the least error; by Keras and TFLM."""

from typing import Any

import numpy as np
import pytest

from galago import evaluate, quantize
from galago.dataset import standard_photos
from galago.dataset.drawn import drawn
from galago.quantize import refine
from galago.quantize.fake_quant import round_kernel
from galago.quantize.ranges import nearest_range
from galago.quantize.rounding import rounded
from galago.tflite.edit import Graph

keras = pytest.importorskip("keras", reason="needs the extra `train`")

SIZE = 24


def pictures(first: int, count: int) -> np.ndarray:
    return np.stack([drawn(i, (SIZE, SIZE, 3)) for i in range(first, first + count)])


def floats(pixels: np.ndarray) -> np.ndarray:
    return (pixels.astype(np.float32) - 128) / 128


def classifier(layer: Any) -> Any:
    """A network of the layer, a mean, and three classes."""
    picture = keras.Input((SIZE, SIZE, 3))
    x = layer(picture)
    x = keras.layers.GlobalAveragePooling2D()(x) if len(x.shape) == 4 else x
    return keras.Model(picture, keras.layers.Dense(3, activation="softmax")(x))


LAYERS = {
    "convolution": lambda: keras.layers.Conv2D(8, 3, strides=2, padding="same"),
    "depthwise": lambda: keras.layers.DepthwiseConv2D(3, padding="same"),
    "depthwise, two of each": lambda: keras.layers.DepthwiseConv2D(3, depth_multiplier=2),
    "dense": lambda: keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(8)]),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_a_layer_errs_less_than_with_each_weight_rounded_by_itself(kind: str) -> None:
    """By Keras's own layer, on photos that the rounding did not see."""
    keras.utils.set_random_seed(1)
    layer = LAYERS[kind]()
    network = classifier(layer)
    graph = Graph(quantize.convert(network, quantize.with_ends(pictures(0, 20))))
    twin = Graph(quantize.convert_float(network))
    place, other = graph.weighted()[0], twin.weighted()[0]
    kernel = twin.kernel(other)
    own, bias = layer.get_weights()
    np.testing.assert_allclose(kernel.ravel(), own.ravel(), atol=1e-6)
    absmax = graph.absmax_for(place, kernel, bias)
    photos = floats(standard_photos.views(SIZE))
    seen, others = photos[:300], photos[300:]
    exact = np.asarray(layer(others))

    def error(values: np.ndarray) -> float:
        steps = values.reshape(-1, len(absmax)) / (absmax / 127)
        np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)  # what int8 can hold
        assert np.abs(steps).max() < 127.01
        layer.set_weights([values.reshape(own.shape), bias])
        return float(np.square(np.asarray(layer(others)) - exact).mean())

    alone = error(np.asarray(round_kernel(kernel, absmax)))
    assert error(rounded(graph, place, seen, kernel, absmax)) < alone * 0.8


def test_sums_that_are_too_long_are_rounded_all_the_same() -> None:
    """A dense layer of 4800 inputs: each weight goes to its nearest step."""
    picture = keras.Input((40, 40, 3))
    network = keras.Model(
        picture, keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(picture))
    )
    pixels = standard_photos.views(40)
    twin = Graph(quantize.convert_float(network))
    (layer,) = twin.weighted()
    kernel = twin.kernel(layer)
    absmax = np.abs(kernel).max(axis=0)
    nearest = np.round(kernel / (absmax / 127)) * (absmax / 127)
    np.testing.assert_allclose(rounded(twin, layer, floats(pixels), kernel, absmax), nearest, atol=1e-6)


def test_a_range_leaves_out_outliers_where_that_errs_less() -> None:
    random = np.random.default_rng(1)
    bell = random.normal(0, 1, 50_000).astype(np.float32)
    bell[:5] = 40, -20, 30, 25, -15

    def error(low: float, high: float) -> float:
        step = (high - low) / 255
        return float(np.square(np.clip(np.round(bell / step) * step, low, high) - bell).mean())

    low, high = nearest_range(bell, (-20.0, 40.0))
    assert error(low, high) < error(-20, 40)
    even = random.uniform(-1, 1, 50_000).astype(np.float32)
    assert nearest_range(even, (-1.0, 1.0)) == (-1, 1)
    assert nearest_range(np.abs(even), (0.0, 1.0)) == (0, 1)


def test_a_channel_without_weights_keeps_its_bias() -> None:
    """Its weights need no steps, and its bias more of them than int32 would hold."""
    keras.utils.set_random_seed(1)
    layer = keras.layers.Conv2D(8, 3, activation="relu6")
    network = classifier(layer)
    kernel, bias = layer.get_weights()
    kernel[..., 0], bias[0] = 0, 2
    layer.set_weights([kernel, bias])
    pixels, others = pictures(0, 50), pictures(1000, 50)
    plain = quantize.convert_float(network)
    tflite = refine.refine(quantize.convert(network, quantize.with_ends(pixels)), plain, pixels)
    answers = evaluate.tflm_answers(tflite, (others ^ 128).view(np.int8))
    wanted = network.predict(floats(others), verbose=0)
    assert np.abs((answers + 128.0) / 256 - wanted).max() < 0.02
