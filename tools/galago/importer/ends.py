# SPDX-License-Identifier: MIT
"""The ends of an int8 or uint8 model: what converters put around its layers is taken off.

head = take_head(graph)            # graph.inputs is int8 afterwards; Head says how pixels become int8
tail = take_tail(graph)            # graph.outputs is int8 afterwards; Tail says what the scores are

- QUANTIZE after a float32 input, DEQUANTIZE before a float32 output: dropped.
- QUANTIZE between uint8 and int8 at the ends: int8 = uint8 - 128, exactly, where both have one scale; else
  the board's table of pixels takes it in.
- SOFTMAX or LOGISTIC in float32 after a DEQUANTIZE: dropped, computed by the board on the scores.
"""

from dataclasses import dataclass, field

import numpy as np

from galago.errors import GalagoError
from galago.importer.graph import FLOAT32, INT8, TYPES, UINT8, Graph
from galago.tflite import schema
from galago.tflite.arithmetic import quantize_multiplier

_PASSIVE = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "QUANTIZE", "DEQUANTIZE")


@dataclass(frozen=True)
class Head:
    """How a picture enters. Scale and zero point are those of the number that the network expects."""

    form: str
    """The input of the file, such as "uint8"."""
    scale: float
    zero_point: int
    """As of int8, also where the file has uint8."""
    requantized: np.ndarray | None
    """The int8 for each uint8 of the file's input, int64 [256], where it is not uint8 - 128."""


@dataclass
class Tail:
    """What the scores are."""

    form: str
    """The output of the file, such as "float32"."""
    activation: str
    """softmax, sigmoid or logits, as in model.json."""
    dropped: list[str] = field(default_factory=list)
    """Operators that were dropped."""


@schema.malformed()
def take_head(graph: Graph) -> Head:
    """Removes what precedes the layers; the graph's input is int8 or (in a legacy model) uint8 afterwards.

    Raises GalagoError model.quantization.
    """
    (source,) = graph.inputs
    form = TYPES.get(graph.type(source), "?")
    readers = graph.readers(source)
    requantized = None
    if len(readers) == 1 and graph.kind(readers[0]) == "QUANTIZE":
        (quantize,) = readers
        target = quantize.outputs[0]
        if graph.type(source) == UINT8 and graph.type(target) == INT8:
            scale, zero_point = graph.quantization(source)
            requantized = _requantized((scale, zero_point), graph.quantization(target))
            if np.array_equal(requantized, np.arange(256) - 128):
                requantized = None
            graph.operators.remove(quantize)
            graph.inputs = [target]
            return Head(form, scale, zero_point - 128, requantized)
        if graph.type(source) == FLOAT32 and graph.type(target) in (INT8, UINT8):
            graph.operators.remove(quantize)
            graph.inputs = [target]
            source = target
    if graph.type(source) not in (INT8, UINT8):
        raise GalagoError(
            "model.quantization",
            f"the input is {TYPES.get(graph.type(source), '?')} and goes into {graph.kind(readers[0])} "
            "although the layers are integer: convert the model again with full int8",
        )
    scale, zero_point = graph.quantization(source)
    return Head(form, scale, zero_point - (128 if graph.type(source) == UINT8 else 0), None)


@schema.malformed()
def take_tail(graph: Graph) -> Tail:
    """Removes what follows the layers; the graph's output is int8 or uint8 afterwards, one score per class.

    Raises GalagoError model.quantization.
    """
    (output,) = graph.outputs
    tail = Tail(TYPES.get(graph.type(output), "?"), "logits")
    while graph.type(output) == FLOAT32 or graph.kind_of(output) == "QUANTIZE":
        operator = graph.producer(output)
        kind = graph.kind_of(output)
        if operator is None or kind not in (*_PASSIVE, "SOFTMAX", "LOGISTIC"):
            raise GalagoError(
                "model.quantization",
                f"the output comes from {kind or 'nothing'} in float32 although the layers are integer: "
                "convert the model again with full int8",
            )
        tail.dropped.append(kind)
        output = operator.inputs[0]
        if kind == "QUANTIZE" and graph.type(output) not in (INT8, UINT8):
            raise GalagoError(
                "model.quantization",
                "the last layers compute in float32: convert the model again with full int8",
            )
    graph.outputs = [output]
    graph.prune()
    tail.activation = _activation(graph, output)
    return tail


def _activation(graph: Graph, output: int) -> str:
    """What the last operator that computes makes of the scores."""
    kind = graph.kind_of(output)
    while kind in _PASSIVE:
        operator = graph.producer(output)
        if operator is None:
            break
        output = operator.inputs[0]
        kind = graph.kind_of(output)
    return {"SOFTMAX": "softmax", "LOGISTIC": "sigmoid"}.get(kind, "logits")


def _requantized(source: tuple[float, int], target: tuple[float, int]) -> np.ndarray:
    """The int8 that QUANTIZE makes of each uint8, int64 [256].

    As Requantize and MultiplyByQuantizedMultiplier of TensorFlow Lite Micro (kernels/internal/common.h), with
    rounding in one step.
    """
    (multiplier,), (shift,) = quantize_multiplier(np.array([source[0] / target[0]]))
    right = 31 - int(shift)
    products = (np.arange(256) - source[1]) * int(multiplier)
    return (((products + (1 << (right - 1))) >> right) + target[1]).clip(-128, 127)
