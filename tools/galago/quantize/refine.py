# SPDX-License-Identifier: MIT
"""Corrects the weights, biases and ranges that the converter chose, so that int8 stays closer to float.

    tflite = refine(tflite, float_tflite, pixels)       # uint8 [n, h, w, c], the calibration photos

Layers are corrected in order, so that each also compensates for the errors of those before it:

- Weights are rounded so that errors within a sum cancel (rounding.py).
- Biases take back what rounding shifts in a channel's mean (Nagel et al. 2019, "bias correction").
- Outputs without an activation function have outliers, and a thousand logits need few of their low values:
  their ranges are chosen for the least error (ranges.py).

The model stays as large and as fast as before.
"""

import numpy as np

from galago import lazy_tensorflow
from galago.quantize.fake_quant import KINDS, LINEAR, activation, apply, fake_quant
from galago.quantize.ranges import logits_range, nearest_range
from galago.quantize.rounding import compensated_rounding
from galago.tflite.edit import WEIGHTED, EditableGraph
from galago.tflite.schema import Operator

_LARGEST_TENSOR = 1 << 27  # values of one tensor over all pictures; fewer pictures are used if it were larger
_PART = 50  # pictures that are computed at a time: TensorFlow holds several tensors of each meanwhile
_BIAS_ROUNDS = 2
_LEAST_ACTIVE = 0.15  # lower bound of the share of a channel's values that are not clipped: bounds the step


def refine(tflite: bytes, float_model: bytes, pixels: np.ndarray) -> bytes:
    """Returns the int8 model, corrected layer by layer to compute what `float_model` (a .tflite) computes.

    A model with operators that fake_quant does not know is returned unchanged.
    """
    graph, float_graph = EditableGraph(tflite), EditableGraph(float_model)
    if not can_refine(graph, float_graph):
        return tflite
    lazy_tensorflow.tensorflow().config.experimental.enable_op_determinism()
    largest = max(int(np.prod(graph.shape(layer.output))) for layer in graph.layers)
    count = max(1, min(len(pixels), _LARGEST_TENSOR // largest))
    chosen = pixels[np.arange(count) * len(pixels) // count]
    floats = {graph.input: (chosen.astype(np.float32) - 128) / 128}
    int8 = dict(floats)
    float_layers = iter(float_graph.weighted())
    for number, layer in enumerate(graph.layers):
        inputs = [t for t in layer.inputs if t in floats]
        float_inputs, int8_inputs = [floats[t] for t in inputs], [int8[t] for t in inputs]
        kernel = bias = None
        if layer.kind in WEIGHTED:
            float_layer = next(float_layers)
            kernel, bias = float_graph.kernel(float_layer), float_graph.bias(float_layer)
        exact = floats[layer.output] = _apply(graph, layer, float_inputs, kernel, bias)
        _choose_range(graph, layer, exact)
        if kernel is not None and bias is not None:
            absmax = graph.absmax_for(layer, kernel, bias)
            kernel = compensated_rounding(graph, layer, int8_inputs[0], kernel, absmax)
            bias = _corrected_bias(graph, layer, int8_inputs, kernel, bias, exact)
            # The bias of a channel without weights may have grown.
            absmax = np.maximum(absmax, graph.absmax_for(layer, kernel, bias))
            graph.set_weights(layer, kernel, bias, absmax)
        int8[layer.output] = _apply(graph, layer, int8_inputs, kernel, bias, graph.limits(layer.output))
        for tensor in inputs:
            if not any(tensor in later.inputs for later in graph.layers[number + 1 :]):
                del floats[tensor], int8[tensor]
    return graph.packed()


def _apply(
    graph: EditableGraph,
    layer: Operator,
    inputs: list[np.ndarray],
    kernel: np.ndarray | None,
    bias: np.ndarray | None,
    limits: tuple[float, float] | None = None,
) -> np.ndarray:
    """Computes a layer as `apply` does, float32 [n, …]; with `limits`, rounded as `fake_quant` does."""
    count, shape = len(inputs[0]), graph.shape(layer.output)
    outputs = np.empty((count, *shape), np.float32)  # `shape` is that of one picture
    for start in range(0, count, _PART):
        exact = apply(graph, layer, [x[start : start + _PART] for x in inputs], kernel, bias)
        rounded = exact if limits is None else fake_quant(exact, limits)
        outputs[start : start + _PART] = np.reshape(rounded, (-1, *shape))
    return outputs.reshape(-1, *shape[1:])


def can_refine(graph: EditableGraph, float_graph: EditableGraph) -> bool:
    """Tells whether both models have the same layers with weights, and only operators that are known here."""
    shapes = [[g.shape(layer.output) for layer in g.weighted()] for g in (graph, float_graph)]
    return shapes[0] == shapes[1] and all(layer.kind in KINDS for layer in graph.layers)


def _choose_range(graph: EditableGraph, layer: Operator, exact: np.ndarray) -> None:
    """Sets a layer's output range by its float outputs [n, …] where the converter's is not the best."""
    readers = {other.kind for other in graph.layers if layer.output in other.inputs}
    if layer.kind in WEIGHTED and readers == {"SOFTMAX"}:
        graph.set_limits(layer.output, *logits_range(exact))
    elif layer.kind in (*WEIGHTED, "ADD") and activation(layer) == LINEAR:
        graph.set_limits(layer.output, *nearest_range(exact, graph.limits(layer.output)))


def _corrected_bias(
    graph: EditableGraph,
    layer: Operator,
    inputs: list[np.ndarray],
    kernel: np.ndarray,
    bias: np.ndarray,
    exact: np.ndarray,
) -> np.ndarray:
    """Returns the bias [out] that gives the rounded layer the channel means of the float outputs [n, …]."""
    if not graph.has_bias(layer):
        return bias
    limits, flat = graph.limits(layer.output), exact.reshape(-1, exact.shape[-1])
    mean = np.clip(flat, *limits).mean(axis=0)  # clipping is not an error that a bias could correct
    active = np.clip(((flat > limits[0]) & (flat < limits[1])).mean(axis=0), _LEAST_ACTIVE, 1)
    best, least = bias, np.full(bias.shape, np.inf)
    for _ in range(_BIAS_ROUNDS + 1):
        shift = mean - _apply(graph, layer, inputs, kernel, bias, limits).reshape(flat.shape).mean(axis=0)
        best = np.where(np.abs(shift) < least, bias, best)
        least = np.minimum(np.abs(shift), least)
        bias = (bias + shift / active).astype(np.float32)
    return best
