# SPDX-License-Identifier: MIT
"""What an operator makes of constants alone, computed on the host.

values = computed(graph, operator)          # an array, or None where the board has to compute it

Exporters compute shapes in the graph, since they leave the batch open: Keras does for each Dense layer of a
map. All of them are known here, where the batch is 1.
"""

from typing import Any

import numpy as np

from galago.importer.graph import FLOAT16, Graph
from galago.tflite import schema
from galago.tflite.schema import OperatorT

_LONGEST = 64  # numbers of a shape
_INTEGERS = ("STRIDED_SLICE", "GATHER", "REDUCE_PROD", "PACK", "CONCATENATION")


def computed(graph: Graph, operator: OperatorT) -> np.ndarray | None:
    """The output of an operator whose inputs are constant. Raises GalagoError model.malformed."""
    inputs = [graph.values(i) for i in operator.inputs]
    kind = graph.kind(operator)
    if kind == "SHAPE":
        return np.array(graph.shape(operator.inputs[0]), np.int32)
    if not inputs or len(operator.outputs) != 1 or inputs[0] is None:
        return None
    if kind == "TRANSPOSE" and inputs[1] is not None:
        return inputs[0].transpose([int(i) for i in inputs[1]])
    if kind in ("RESHAPE", "SQUEEZE", "EXPAND_DIMS"):
        return inputs[0].reshape(graph.shape(operator.outputs[0]))
    if kind == "DEQUANTIZE" and graph.type(operator.inputs[0]) == FLOAT16:
        return inputs[0].astype(np.float32)
    integers = [one for one in inputs if one is not None and one.dtype == np.int32 and one.size <= _LONGEST]
    if kind not in _INTEGERS or len(integers) != len(inputs):
        return None
    with schema.malformed():
        return np.asarray(_of_integers(kind, operator.builtinOptions, integers), np.int32)


def _of_integers(kind: str, options: Any, inputs: list[np.ndarray]) -> Any:
    """As TensorFlow computes it, of vectors of int32."""
    first, *others = inputs
    match kind:
        case "STRIDED_SLICE":
            begin, end, step = (int(one.item()) for one in others)
            if options.shrinkAxisMask:
                return first[begin]
            return first[None if options.beginMask else begin : None if options.endMask else end : step]
        case "GATHER":
            return first.take(others[0], axis=options.axis)
        case "REDUCE_PROD":
            return first.prod(axis=tuple(others[0].ravel().tolist()), keepdims=options.keepDims)
        case "PACK":
            return np.stack(inputs, axis=options.axis)
        case _:
            return np.concatenate(inputs, axis=options.axis)
