# SPDX-License-Identifier: MIT
"""Refining int8: compensated rounding, ranges and biases reduce the error, measured by Keras and TFLM."""

from typing import Any

import numpy as np
import pytest

from galago import evaluate, quantize
from galago.dataset import standard_photos
from galago.dataset.drawn import drawn
from galago.quantize import refine
from galago.quantize.fake_quant import fake_quant_kernel
from galago.quantize.ranges import nearest_range
from galago.quantize.rounding import compensated_rounding
from galago.tflite.edit import EditableGraph
from support.requirements import extra_module

keras = extra_module("keras", extra="train")

SIZE = 24


def pictures(first: int, count: int) -> np.ndarray:
    return np.stack([drawn(i, (SIZE, SIZE, 3)) for i in range(first, first + count)])


def floats(pixels: np.ndarray) -> np.ndarray:
    return (pixels.astype(np.float32) - 128) / 128


def classifier(layer: Any) -> Any:
    """A network of the layer, global average pooling, and three classes."""
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
def test_compensated_rounding_errs_less_than_rounding_to_nearest(kind: str) -> None:
    """The error is measured with Keras's own layer, on photos that the rounding did not see."""
    keras.utils.set_random_seed(1)
    layer = LAYERS[kind]()
    network = classifier(layer)
    graph = EditableGraph(quantize.convert(network, quantize.with_black_and_white(pictures(0, 20))))
    float_graph = EditableGraph(quantize.convert_float(network))
    int8_layer, float_layer = graph.weighted()[0], float_graph.weighted()[0]
    kernel = float_graph.kernel(float_layer)
    own, bias = layer.get_weights()
    np.testing.assert_allclose(kernel.ravel(), own.ravel(), atol=1e-6)
    absmax = graph.absmax_for(int8_layer, kernel, bias)
    photos = floats(standard_photos.views(SIZE))
    seen, others = photos[:300], photos[300:]
    exact = np.asarray(layer(others))

    def error(values: np.ndarray) -> float:
        steps = values.reshape(-1, len(absmax)) / (absmax / 127)
        np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)  # int8 can hold them
        assert np.abs(steps).max() < 127.01
        layer.set_weights([values.reshape(own.shape), bias])
        return float(np.square(np.asarray(layer(others)) - exact).mean())

    nearest = error(np.asarray(fake_quant_kernel(kernel, absmax)))
    assert error(compensated_rounding(graph, int8_layer, seen, kernel, absmax)) < nearest * 0.8


def test_weights_of_very_long_sums_are_rounded_to_nearest() -> None:
    """The dense layer has 4800 inputs."""
    picture = keras.Input((40, 40, 3))
    network = keras.Model(
        picture, keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(picture))
    )
    pixels = standard_photos.views(40)
    float_graph = EditableGraph(quantize.convert_float(network))
    (layer,) = float_graph.weighted()
    kernel = float_graph.kernel(layer)
    absmax = np.abs(kernel).max(axis=0)
    nearest = np.round(kernel / (absmax / 127)) * (absmax / 127)
    rounded = compensated_rounding(float_graph, layer, floats(pixels), kernel, absmax)
    np.testing.assert_allclose(rounded, nearest, atol=1e-6)


def test_a_range_clips_outliers_where_that_errs_less() -> None:
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
    """With a scale chosen by its weights alone, its bias would not fit into int32."""
    keras.utils.set_random_seed(1)
    layer = keras.layers.Conv2D(8, 3, activation="relu6")
    network = classifier(layer)
    kernel, bias = layer.get_weights()
    kernel[..., 0], bias[0] = 0, 2
    layer.set_weights([kernel, bias])
    pixels, others = pictures(0, 50), pictures(1000, 50)
    float_model = quantize.convert_float(network)
    tflite = refine.refine(
        quantize.convert(network, quantize.with_black_and_white(pixels)), float_model, pixels
    )
    answers = evaluate.tflm_answers(tflite, (others ^ 128).view(np.int8))
    expected = network.predict(floats(others), verbose=0)
    assert np.abs((answers + 128.0) / 256 - expected).max() < 0.02
