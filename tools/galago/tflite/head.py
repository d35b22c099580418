# SPDX-License-Identifier: MIT
"""A new head for a trained int8 network: its features, and another dense layer on them.

    oracle = reference(features(data))          # oracle.run(picture): int8 [1, channels]
    scale, zero = feature_scale(data)
    model = with_head(data, kernel, bias, limits=(-9.0, 14.0))

The network's own layers stay as they are, byte for byte.
"""

from galago.errors import GalagoError
from galago.tflite import schema
from galago.tflite.edit import EditableGraph, Floats


def features(data: bytes) -> bytes:
    """Returns the network up to its mean over all places, whose int8 output is the graph's.

    Raises GalagoError model.operator for a network that does not end in MEAN, FULLY_CONNECTED, SOFTMAX.
    """
    return _first_layers(data, _features_at(data) + 1)


def feature_scale(data: bytes) -> tuple[float, int]:
    """Returns scale and zero point of the features. Raises as `features` does."""
    graph = EditableGraph(data)
    return graph.quantization(graph.layers[_features_at(data)].output)


def with_head(data: bytes, kernel: Floats, bias: Floats, limits: tuple[float, float]) -> bytes:
    """Returns the network with another dense layer and a softmax in place of all that follows its features.

    `kernel` is float32 [channels, classes], `bias` float32 [classes]; the logits lie between `limits`.
    Raises as `features` does.
    """
    graph = EditableGraph(_first_layers(data, _features_at(data) + 3))
    dense, softmax = graph.layers[-2:]
    classes = kernel.shape[1]
    graph.set_shape(dense.inputs[1], (classes, kernel.shape[0]))
    graph.set_shape(dense.inputs[2], (classes,))
    for tensor in (dense.output, softmax.output):
        graph.set_shape(tensor, (1, classes))
    graph.set_limits(dense.output, *limits)
    graph.set_weights(dense, kernel, bias, graph.absmax_for(dense, kernel, bias))
    return graph.packed()


def _features_at(data: bytes) -> int:
    kinds = [layer.kind for layer in EditableGraph(data).layers]
    for place in range(len(kinds) - 2):
        if kinds[place : place + 3] == ["MEAN", "FULLY_CONNECTED", "SOFTMAX"]:
            return place
    raise GalagoError(
        "model.operator", "expected a network with MEAN, FULLY_CONNECTED and SOFTMAX: train a MobileNet"
    )


def _first_layers(data: bytes, count: int) -> bytes:
    """Returns a .tflite with the first layers alone, and without what nothing uses any more."""
    model = schema.parse(data)
    with schema.malformed():
        graph = model.subgraphs[0]
        graph.operators = graph.operators[:count]
        graph.outputs = [graph.operators[-1].outputs[0]]
        used = {int(n) for n in (*graph.inputs, *graph.outputs)}
        for operator in graph.operators:
            used |= {int(n) for n in (*operator.inputs, *operator.outputs) if n >= 0}
        numbers = {old: new for new, old in enumerate(sorted(used))}
        numbers[-1] = -1  # an input that is left out
        graph.tensors = [graph.tensors[old] for old in sorted(used)]
        for ends in (graph, *graph.operators):
            ends.inputs = [numbers[int(n)] for n in ends.inputs]
            ends.outputs = [numbers[int(n)] for n in ends.outputs]
        kept = sorted({0, *(int(tensor.buffer) for tensor in graph.tensors)})
        model.buffers = [model.buffers[old] for old in kept]
        for tensor in graph.tensors:
            tensor.buffer = kept.index(int(tensor.buffer))
        # Both name tensors or buffers by their old numbers.
        model.signatureDefs, model.metadata, model.metadataBuffer = [], [], None
    return schema.pack(model)
