# SPDX-License-Identifier: MIT
"""What a converter leaves undone in a full-int8 model: biases that take back its errors, the logits' range.

    tflite = refine(tflite, float_tflite, pixels)       # uint8 [n, h, w, c], the pictures of the calibration

Rounding shifts what a channel gives on average. Its bias takes that back, layer by layer from the first on,
so that each is corrected for what comes before it too (Nagel et al. 2019, "bias correction"). Logits of a
thousand classes need few of their low values: their range is chosen so that the softmax changes least. Both
cost the board nothing.
"""

from typing import Any

import numpy as np

from galago import quiet
from galago.refine.graph import WEIGHTED, Graph, Layer
from galago.refine.replica import KINDS, apply, round_kernel, round_to

PICTURES = 200
_NUMBERS = 1 << 26  # that a tensor of all pictures may have; with fewer pictures where it would have more
_ROUNDS = 2
_LEAST_ACTIVE = 0.15  # share of a channel's numbers that are not clipped, where a change of bias shows
_HEADROOM = 0.25  # of the logits' range, above the largest seen: other pictures may be recognized more surely


def refine(tflite: bytes, plain: bytes, pixels: np.ndarray) -> bytes:
    """Corrects the biases and the logits' range of an int8 model by its float twin `plain`.

    A model with layers that are not known here comes back as it is.
    """
    graph, twin = Graph(tflite), Graph(plain)
    if not alike(graph, twin):
        return tflite
    quiet.tensorflow().config.experimental.enable_op_determinism()
    largest = max(int(np.prod(graph.shape(layer.output))) for layer in graph.layers)
    count = max(1, min(PICTURES, _NUMBERS // largest, len(pixels)))
    chosen = pixels[np.arange(count) * len(pixels) // count]
    pictures = (chosen.astype(np.float32) - 128) / 128
    floats, rounded = {graph.input: pictures}, {graph.input: pictures}
    softmaxes = [layer.inputs[0] for layer in graph.layers if layer.kind == "SOFTMAX"]
    others = iter(twin.weighted())
    for number, layer in enumerate(graph.layers):
        given = [t for t in layer.inputs if t in floats]
        exact, near = [floats[t] for t in given], [rounded[t] for t in given]
        kernel = bias = None
        if layer.kind in WEIGHTED:
            other = next(others)
            kernel, bias = twin.kernel(other), twin.bias(other)
        said = floats[layer.output] = apply(graph, layer, exact, kernel, bias)
        if layer.output in softmaxes and kernel is not None:
            graph.set_limits(layer.output, *logits_range(np.asarray(said)))
        if kernel is not None and bias is not None:
            bias = _corrected(graph, layer, near, kernel, bias, np.asarray(said))
            span = graph.span(layer, kernel, bias)
            graph.set_weights(layer, kernel, bias, span)
            kernel = round_kernel(kernel, span)
        near = apply(graph, layer, near, kernel, bias)
        rounded[layer.output] = round_to(near, graph.limits(layer.output))
        for tensor in given:
            if not any(tensor in later.inputs for later in graph.layers[number + 1 :]):
                del floats[tensor], rounded[tensor]
    return graph.packed()


def alike(graph: Graph, twin: Graph) -> bool:
    """Whether an int8 model and its float twin have the same layers with weights, and none unknown here."""
    shapes = [[g.shape(layer.output) for layer in g.weighted()] for g in (graph, twin)]
    return shapes[0] == shapes[1] and all(layer.kind in KINDS for layer in graph.layers)


def _corrected(
    graph: Graph, layer: Layer, inputs: list[Any], kernel: np.ndarray, bias: np.ndarray, wanted: np.ndarray
) -> np.ndarray:
    """The bias with which a layer gives, rounded, what it gives in floats: as a mean of each channel."""
    if not graph.has_bias(layer):
        return bias
    limits, flat = graph.limits(layer.output), wanted.reshape(-1, wanted.shape[-1])
    mean = np.clip(flat, *limits).mean(axis=0)  # what lies outside is no bias
    active = np.clip(((flat > limits[0]) & (flat < limits[1])).mean(axis=0), _LEAST_ACTIVE, 1)
    best, least = bias, np.full(bias.shape, np.inf)
    for _ in range(_ROUNDS + 1):
        said = apply(graph, layer, inputs, round_kernel(kernel, graph.span(layer, kernel, bias)), bias)
        shift = mean - np.asarray(round_to(said, limits)).reshape(flat.shape).mean(axis=0)
        best = np.where(np.abs(shift) < least, bias, best)
        least = np.minimum(np.abs(shift), least)
        bias = (bias + shift / active).astype(np.float32)
    return best


def logits_range(logits: np.ndarray) -> tuple[float, float]:
    """The range of 255 steps whose softmax is nearest to the exact one, by Kullback-Leibler divergence."""
    exact = _softmax(logits)
    best = (np.inf, 0.0, 1.0)
    for low in np.quantile(logits, [0, 0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5]):
        for high in np.quantile(logits.max(axis=1), [0.9, 0.95, 0.98, 1]):
            step = max(high - low, 1e-6) / 255
            said = _softmax(np.round(np.clip(logits, low, high) / step) * step)
            loss = float((exact * (np.log(exact + 1e-9) - np.log(said + 1e-9))).sum(axis=1).mean())
            best = min(best, (loss, float(low), float(high)))
    _, low, high = best
    return low, high + _HEADROOM * (high - low)


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
