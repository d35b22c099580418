# SPDX-License-Identifier: MIT
"""Activations that ai-edge-quantizer leaves in float32 become int8, in which TensorFlow Lite has them too.

It puts such an operator between a DEQUANTIZE and a QUANTIZE, which have the scales of its input and output:

make_integer(graph)         # int8 -> DEQUANTIZE -> LEAKY_RELU -> QUANTIZE -> int8 is LEAKY_RELU of int8
"""

import numpy as np

from galago.importer.graph import FLOAT32, INT8, Graph
from galago.tflite import schema
from galago.tflite.schema import OperatorT

_KINDS = ("LEAKY_RELU", "PRELU")


def make_integer(graph: Graph) -> bool:
    """Changes all activations of these kinds that stand between the two; returns whether there was any."""
    found = [operator for operator in graph.operators if graph.kind(operator) in _KINDS]
    changed = [_changed(graph, operator) for operator in found]
    return any(changed)


def _changed(graph: Graph, operator: OperatorT) -> bool:
    before, after = graph.producer(operator.inputs[0]), graph.readers(operator.outputs[0])
    if before is None or graph.kind(before) != "DEQUANTIZE" or len(after) != 1:
        return False
    if graph.kind(after[0]) != "QUANTIZE" or graph.type(before.inputs[0]) != INT8:
        return False
    operator.inputs, operator.outputs = [before.inputs[0], *operator.inputs[1:]], after[0].outputs
    graph.operators.remove(after[0])
    for slope in operator.inputs[1:]:
        if graph.type(slope) == FLOAT32:
            _quantize(graph, slope)
    return True


def _quantize(graph: Graph, tensor: int) -> None:
    """Makes a constant float32 tensor int8, with the scale that its largest value needs and zero point 0."""
    values = graph.values(tensor)
    assert values is not None
    scale = max(float(np.abs(values).max()), np.finfo(np.float32).tiny * 127) / 127
    one = graph.tensors[tensor]
    one.type = INT8
    one.quantization = schema.new("QuantizationParametersT")
    one.quantization.scale, one.quantization.zeroPoint = [scale], [0]
    graph.set_values(tensor, np.rint(values / scale).astype(np.int8))
