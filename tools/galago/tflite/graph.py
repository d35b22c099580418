# SPDX-License-Identifier: MIT
"""A checked, read-only graph of a .tflite, for compilers (targets/k210, targets/tinymaix).

graph = Graph.read(data)
for operator in graph.operators:
    operator.kind, operator.inputs, operator.output
    graph.tensors[operator.output].shape
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from galago.errors import GalagoError
from galago.tflite import schema
from galago.tflite.schema import BufferT, Operator, TensorT

_DTYPES: dict[int, "np.dtype[np.int8 | np.int32]"] = {  # TensorType → dtype
    9: np.dtype(np.int8),
    2: np.dtype("<i4"),
}
_FORMS = {  # operators that compile → the schema's class of their options, possible numbers of inputs
    "CONV_2D": ("Conv2DOptionsT", (2, 3)),
    "DEPTHWISE_CONV_2D": ("DepthwiseConv2DOptionsT", (2, 3)),
    "FULLY_CONNECTED": ("FullyConnectedOptionsT", (2, 3)),
    "ADD": ("AddOptionsT", (2,)),
    "MEAN": ("ReducerOptionsT", (2,)),
    "AVERAGE_POOL_2D": ("Pool2DOptionsT", (1,)),
    "PAD": ("", (2,)),
    "RESHAPE": ("", (1, 2)),
    "SOFTMAX": ("", (1,)),
}


@dataclass
class Tensor:
    """A tensor with its quantization."""

    name: str
    shape: tuple[int, ...]
    dtype: "np.dtype[np.int8 | np.int32]"
    scales: NDArray[np.float64]
    """One scale, or one for each channel, [1 or channels]."""
    zero_point: int
    data: "NDArray[np.int8 | np.int32] | None"
    """The values of a constant, of shape `shape`; None where an operator computes them."""

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def scale(self) -> float:
        """The scale of a computed tensor, which has one."""
        return float(self.scales[0])


@dataclass
class Graph:
    """A graph with one input and one output, whose operators have shapes and options that fit together."""

    tensors: list[Tensor]
    operators: list[Operator]
    input: int
    output: int

    @classmethod
    def read(cls, data: bytes) -> "Graph":
        """The graph of a .tflite.

        Raises GalagoError model.malformed for bytes that are not a valid .tflite, or a model that has not
        exactly one graph, one input and one output.
        """
        model = schema.parse(data)
        operators = schema.operators(model)
        with schema.malformed():
            (subgraph,) = model.subgraphs
            (first,), (last,) = subgraph.inputs, subgraph.outputs
            tensors = [_tensor(tensor, model.buffers) for tensor in subgraph.tensors]
            graph = cls(tensors, operators, int(first), int(last))
            graph._check()
        return graph

    def _check(self) -> None:
        """Raises ValueError where an index names nothing, or a value is used before it is computed."""
        known = {self.input} | {i for i, tensor in enumerate(self.tensors) if tensor.data is not None}
        for one in self.operators:
            missing = [i for i in one.inputs if i != -1 and i not in known]
            if missing or not 0 <= one.output < len(self.tensors) or one.output in known:
                raise ValueError(f"operator {one.number} is out of order")
            known.add(one.output)
            if not self._fits(one):
                raise ValueError(f"{one} has options or shapes that do not fit together")
        if self.output not in known or not 0 <= self.input < len(self.tensors):
            raise ValueError("the input or the output is missing")

    def _fits(self, one: Operator) -> bool:
        """Whether an operator has options of its class, and tensors whose shapes fit together."""
        if one.kind not in _FORMS:
            return True
        options, inputs = _FORMS[one.kind]
        if (options and type(one.options).__name__ != options) or len(one.inputs) not in inputs:
            return False
        if -1 in one.inputs[:2]:
            return False
        output = self.tensors[one.output]
        source, *others = (self.tensors[i] for i in one.inputs if i != -1)
        if {source.dtype, output.dtype} != {np.dtype(np.int8)} or min(*source.shape, *output.shape, 1) < 1:
            return False
        match one.kind:
            case "CONV_2D" | "DEPTHWISE_CONV_2D":
                return _convolves(one, source.shape, others[0].shape, output.shape)
            case "FULLY_CONNECTED":
                return _multiplies(source, others[0], output)
            case "ADD":
                return source.shape == others[0].shape == output.shape
            case "PAD" if others[0].data is not None and others[0].size == 2 * len(source.shape):
                pads = others[0].data.reshape(-1, 2)
                return pads.min() >= 0 and tuple(pads.sum(1) + source.shape) == output.shape
            case "MEAN" | "AVERAGE_POOL_2D":
                return len(source.shape) == 4 and output.size == source.shape[3]
            case "RESHAPE" | "SOFTMAX":
                return source.size == output.size
            case _:
                return False

    def users(self, tensor: int) -> list[Operator]:
        """The operators that read a tensor."""
        return [one for one in self.operators if tensor in one.inputs]


def _multiplies(source: Tensor, weights: Tensor, output: Tensor) -> bool:
    """Whether the shapes are those of a dense layer, of all inputs or at each position of a map."""
    if len(weights.shape) != 2 or min(weights.shape) < 1:
        return False
    outputs, inputs = weights.shape
    rows = source.size // inputs
    return (source.size, output.size) == (rows * inputs, rows * outputs)


def _convolves(
    one: Operator, source: tuple[int, ...], weights: tuple[int, ...], output: tuple[int, ...]
) -> bool:
    """Whether the shapes are those of a convolution with a batch of 1."""
    if {len(source), len(weights), len(output)} != {4} or source[0] != 1 or output[0] != 1:
        return False
    depthwise = one.kind == "DEPTHWISE_CONV_2D"
    if depthwise:
        channels = weights[0] == 1 and weights[3] % source[3] == 0 and weights[3] == output[3]
    else:
        channels = weights[3] == source[3] and weights[0] == output[3]
    steps = one.options.strideH, one.options.strideW
    if not channels or min(*steps, *weights) < 1:
        return False
    same = one.options.padding == 0
    lost = (0, 0) if same else (weights[1] - 1, weights[2] - 1)
    return all(-(-(source[1 + i] - lost[i]) // steps[i]) == output[1 + i] for i in (0, 1))


def _tensor(tensor: TensorT, buffers: Sequence[BufferT]) -> Tensor:
    dtype = _DTYPES.get(tensor.type)
    name = schema.tensor_name(tensor)
    if dtype is None:
        found = schema.type_name(tensor.type)
        raise GalagoError(
            "model.quantization",
            f"tensor {name} is {found}, expected int8 or int32: pass a full-int8 model, or import it first",
        )
    shape = () if tensor.shape is None else schema.shape(tensor)
    scales, zero_point = np.ones(1), 0
    if schema.is_quantized(tensor):
        scales, points = schema.quantization(tensor)
        if len(set(points)) != 1 or not np.all(np.isfinite(scales) & (scales > 0)):
            raise ValueError(f"tensor {name} has invalid scales or zero points")
        zero_point = points[0]
    if dtype == np.int8 and not -128 <= zero_point <= 127:
        raise ValueError(f"tensor {name} has zero point {zero_point}")
    raw = buffers[tensor.buffer].data
    data = None
    if raw is not None and len(raw):
        data = np.frombuffer(np.asarray(raw, np.uint8).tobytes(), dtype).reshape(shape)
    return Tensor(name, shape, dtype, scales, zero_point, data)
