# SPDX-License-Identifier: MIT
"""The reshape dances of exporters, done once on the host: a board classifies one picture at a time.

notes = simplify(graph)

- What the graph computes of shapes (SHAPE, STRIDED_SLICE, GATHER, PACK …) is computed, for a batch of 1. A
  RESHAPE gets the result as a constant, and its output the shape that the open batch hid.
- EXPAND_DIMS, SQUEEZE, and TRANSPOSE of dimensions of 1, become a RESHAPE.
- Operators on constants alone (TRANSPOSE, RESHAPE, DEQUANTIZE of float16) are computed.
- A batch of any size becomes 1.
"""

import math
from typing import Any

import numpy as np

from galago.errors import GalagoError
from galago.importer.constants import computed
from galago.importer.graph import FLOAT32, INT32, Graph
from galago.tflite import schema
from galago.tflite.schema import OperatorT

_AS_RESHAPE = ("EXPAND_DIMS", "SQUEEZE", "TRANSPOSE")
_SAME_SHAPE = ("RELU", "RELU6", "QUANTIZE", "DEQUANTIZE", "SOFTMAX", "LOGISTIC")


@schema.malformed()
def simplify(graph: Graph) -> list[str]:
    """Rewrites a graph as above, and returns what was done, in words.

    Raises GalagoError model.operator, and model.malformed where operators have other inputs or options than
    their kind has.
    """
    notes = _single_picture(graph)
    before = graph.kinds()
    for operator in list(graph.operators):
        if not _fold(graph, operator):
            _true_shape(graph, operator)
            _reshape(graph, operator)
    graph.prune()
    gone = sorted(set(before) - set(graph.kinds()))
    return [*notes, *([f"{', '.join(gone)} computed on the host"] if gone else [])]


def _single_picture(graph: Graph) -> list[str]:
    """Makes the batch 1 where the file leaves it open; tensors already have it in their shapes."""
    tensors: list[Any] = graph.tensors
    for tensor in tensors:
        signature = getattr(tensor, "shapeSignature", None)
        is_input = graph.tensors[graph.inputs[0]] is tensor
        if is_input and signature is not None and any(int(n) < 0 for n in list(signature)[1:]):
            raise GalagoError(
                "model.operator",
                f"the input has the shape {[int(n) for n in signature]}, height and width left open: "
                "convert the model again with a fixed size",
            )
        tensor.shapeSignature = None
    batch = graph.shape(graph.inputs[0])[:1]
    if len(graph.shape(graph.inputs[0])) == 4 and batch != (1,):
        raise GalagoError(
            "model.operator",
            f"the model takes {batch[0]} pictures at a time, and a board one: convert it with a batch of 1",
        )
    return []


def _fold(graph: Graph, operator: OperatorT) -> bool:
    """Computes an operator on constants; tells whether it did."""
    values = computed(graph, operator)
    if values is None:
        return False
    (target,) = operator.outputs
    if graph.kind(operator) == "DEQUANTIZE":
        graph.tensors[target].type = FLOAT32
    graph.set_values(target, values)
    graph.operators.remove(operator)
    return True


def _true_shape(graph: Graph, operator: OperatorT) -> None:
    """Gives the output its shape for a batch of 1 where the file has 1 for every dimension left open."""
    kind, source, target = graph.kind(operator), graph.shape(operator.inputs[0]), operator.outputs[0]
    size, wanted = math.prod(source), None
    if kind == "RESHAPE" and len(operator.inputs) > 1:
        values = graph.values(operator.inputs[1])
        if values is not None:
            known = math.prod(n for n in values.ravel().tolist() if n > 0)
            wanted = [int(n) if n > 0 else size // max(known, 1) for n in values.ravel()]
    elif kind == "FULLY_CONNECTED" and len(weights := graph.shape(operator.inputs[1])) == 2:
        options: Any = operator.builtinOptions
        leading = source[:-1] if options and options.keepNumDims else (size // max(weights[1], 1),)
        wanted = [*leading, weights[0]]
    elif kind in _SAME_SHAPE:
        wanted = list(source)
    if wanted and math.prod(wanted) != math.prod(graph.shape(target)):
        graph.tensors[target].shape = wanted


def _reshape(graph: Graph, operator: OperatorT) -> None:
    """Gives a RESHAPE a constant shape, and turns operators into one that move no number."""
    kind = graph.kind(operator)
    if kind != "RESHAPE" and kind not in _AS_RESHAPE:
        return
    source, target = operator.inputs[0], operator.outputs[0]
    shape = graph.shape(target)
    if graph.type(source) in (INT32,) or math.prod(shape) != math.prod(graph.shape(source)):
        return
    if kind == "RESHAPE" and (len(operator.inputs) < 2 or graph.values(operator.inputs[1]) is not None):
        return
    if kind == "TRANSPOSE" and not _keeps_order(graph, operator):
        return
    tensor = schema.new("TensorT")
    tensor.name, tensor.type, tensor.buffer = b"shape", INT32, 0
    graph.tensors.append(tensor)
    graph.set_values(len(graph.tensors) - 1, np.array(shape, np.int32))
    options = schema.new("ReshapeOptionsT")
    options.newShape = list(shape)
    operator.inputs = [source, len(graph.tensors) - 1]
    operator.builtinOptions, operator.builtinOptionsType = (
        options,
        schema.constant("BuiltinOptions", "ReshapeOptions"),
    )
    operator.opcodeIndex = graph.code("RESHAPE")


def _keeps_order(graph: Graph, operator: OperatorT) -> bool:
    """Whether a TRANSPOSE moves only dimensions of 1."""
    order = graph.values(operator.inputs[1])
    if order is None:
        return False
    shape = graph.shape(operator.inputs[0])
    if sorted(order.ravel().tolist()) != list(range(len(shape))):
        raise ValueError(f"TRANSPOSE to the order {order.ravel().tolist()[:8]} of {len(shape)} dimensions")
    moved = [int(i) for i in order if shape[int(i)] > 1]
    return moved == sorted(moved)
