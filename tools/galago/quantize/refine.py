# SPDX-License-Identifier: MIT
"""What a converter leaves undone in a full-int8 model: weights, biases and ranges that keep errors small.

    tflite = refine(tflite, float_tflite, pixels)       # uint8 [n, h, w, c], the pictures of the calibration

Layer by layer from the first on, so that each makes up for what comes before it too. Weights are rounded so
that a layer's sums stay right (rounding.py). What rounding still shifts in a channel's mean its bias takes
back (Nagel et al. 2019, "bias correction"). Outputs without an activation function have outliers, and logits
of a thousand classes need few of their low values: their ranges are chosen for the least error (ranges.py).
All of it costs the board nothing.
"""

from typing import Any

import numpy as np

from galago import lazy_tensorflow
from galago.quantize.fake_quant import KINDS, LINEAR, activation, apply, round_to
from galago.quantize.ranges import logits_range, nearest_range
from galago.quantize.rounding import rounded
from galago.tflite.edit import WEIGHTED, Graph, Layer

_NUMBERS = 1 << 27  # that a tensor of all pictures may have; with fewer pictures where it would have more
_ROUNDS = 2
_LEAST_ACTIVE = 0.15  # share of a channel's numbers that are not clipped, where a change of bias shows


def refine(tflite: bytes, plain: bytes, pixels: np.ndarray) -> bytes:
    """Brings an int8 model nearer to its float twin `plain`.

    A model with layers that are not known here comes back as it is.
    """
    graph, twin = Graph(tflite), Graph(plain)
    if not alike(graph, twin):
        return tflite
    lazy_tensorflow.tensorflow().config.experimental.enable_op_determinism()
    largest = max(int(np.prod(graph.shape(layer.output))) for layer in graph.layers)
    count = max(1, min(len(pixels), _NUMBERS // largest))
    chosen = pixels[np.arange(count) * len(pixels) // count]
    pictures = (chosen.astype(np.float32) - 128) / 128
    floats, int8 = {graph.input: pictures}, {graph.input: pictures}
    others = iter(twin.weighted())
    for number, layer in enumerate(graph.layers):
        given = [t for t in layer.inputs if t in floats]
        exact, near = [floats[t] for t in given], [int8[t] for t in given]
        kernel = bias = None
        if layer.kind in WEIGHTED:
            other = next(others)
            kernel, bias = twin.kernel(other), twin.bias(other)
        said = floats[layer.output] = apply(graph, layer, exact, kernel, bias)
        _choose_range(graph, layer, np.asarray(said))
        if kernel is not None and bias is not None:
            absmax = graph.absmax_for(layer, kernel, bias)
            kernel = rounded(graph, layer, near[0], kernel, absmax)
            bias = _corrected(graph, layer, near, kernel, bias, np.asarray(said))
            # A dead channel's bias may have grown.
            absmax = np.maximum(absmax, graph.absmax_for(layer, kernel, bias))
            graph.set_weights(layer, kernel, bias, absmax)
        near = apply(graph, layer, near, kernel, bias)
        int8[layer.output] = round_to(near, graph.limits(layer.output))
        for tensor in given:
            if not any(tensor in later.inputs for later in graph.layers[number + 1 :]):
                del floats[tensor], int8[tensor]
    return graph.packed()


def alike(graph: Graph, twin: Graph) -> bool:
    """Whether an int8 model and its float twin have the same layers with weights, and none unknown here."""
    shapes = [[g.shape(layer.output) for layer in g.weighted()] for g in (graph, twin)]
    return shapes[0] == shapes[1] and all(layer.kind in KINDS for layer in graph.layers)


def _choose_range(graph: Graph, layer: Layer, said: np.ndarray) -> None:
    """Chooses what int8 reaches of the numbers that a layer says in floats, where the converter does not."""
    readers = {other.kind for other in graph.layers if layer.output in other.inputs}
    if layer.kind in WEIGHTED and readers == {"SOFTMAX"}:
        graph.set_limits(layer.output, *logits_range(said))
    elif layer.kind in (*WEIGHTED, "ADD") and activation(layer) == LINEAR:
        graph.set_limits(layer.output, *nearest_range(said, graph.limits(layer.output)))


def _corrected(
    graph: Graph, layer: Layer, inputs: list[Any], kernel: np.ndarray, bias: np.ndarray, wanted: np.ndarray
) -> np.ndarray:
    """The bias with which a layer of rounded weights gives what floats give: as a mean of each channel."""
    if not graph.has_bias(layer):
        return bias
    limits, flat = graph.limits(layer.output), wanted.reshape(-1, wanted.shape[-1])
    mean = np.clip(flat, *limits).mean(axis=0)  # what lies outside is no bias
    active = np.clip(((flat > limits[0]) & (flat < limits[1])).mean(axis=0), _LEAST_ACTIVE, 1)
    best, least = bias, np.full(bias.shape, np.inf)
    for _ in range(_ROUNDS + 1):
        said = apply(graph, layer, inputs, kernel, bias)
        shift = mean - np.asarray(round_to(said, limits)).reshape(flat.shape).mean(axis=0)
        best = np.where(np.abs(shift) < least, bias, best)
        least = np.minimum(np.abs(shift), least)
        bias = (bias + shift / active).astype(np.float32)
    return best
