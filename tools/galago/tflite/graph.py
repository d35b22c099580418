# SPDX-License-Identifier: MIT
"""A .tflite as plain objects: as much as compiling it for the K210 needs.

graph = Graph.read(data)
for operator in graph.operators: operator.kind, operator.inputs, operator.output
"""

import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from galago.errors import GalagoError

_TYPES = {9: np.dtype(np.int8), 2: np.dtype("<i4")}  # of the schema's TensorType
_FORMS = {  # of the operators that compile: the schema's name of their options, and how many inputs they take
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
# What the generated reader raises when offsets or lengths lead astray.
_BROKEN = (
    struct.error,
    IndexError,
    ValueError,
    TypeError,
    AttributeError,
    KeyError,
    OverflowError,
    MemoryError,
)


@dataclass
class Tensor:
    """`scales` is float64 [1 or channels]; `data` an array of `shape`, or None where it is computed."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    scales: np.ndarray
    zero_point: int
    data: np.ndarray | None

    @property
    def size(self) -> int:
        """How many elements."""
        return math.prod(self.shape)

    @property
    def scale(self) -> float:
        """The one scale of a computed tensor."""
        return float(self.scales[0])


@dataclass
class Operator:
    """`inputs` and `output` are numbers of tensors (-1: none); `options` is the schema's object, or None."""

    number: int
    kind: str
    inputs: list[int]
    output: int
    options: Any
    name: str

    def __str__(self) -> str:
        return f"layer {self.number} ({self.kind} {self.name})"


@dataclass
class Graph:
    """One subgraph with one input and one output."""

    tensors: list[Tensor]
    operators: list[Operator]
    input: int
    output: int

    @classmethod
    def read(cls, data: bytes) -> "Graph":
        """Raises model.malformed for what is no .tflite of one picture in, one vector out."""
        from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

        try:
            model: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
            (part,) = model.subgraphs
            (first,), (last,) = part.inputs, part.outputs
            names = {value: name for name, value in vars(schema.BuiltinOperator).items() if name[0] != "_"}
            kinds = [names[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in model.operatorCodes]
            tensors = [_tensor(tensor, model.buffers) for tensor in part.tensors]
            operators = [
                Operator(
                    number,
                    kinds[one.opcodeIndex],
                    [int(i) for i in one.inputs],
                    int(one.outputs[0]),
                    one.builtinOptions,
                    tensors[one.outputs[0]].name,
                )
                for number, one in enumerate(part.operators)
            ]
            graph = cls(tensors, operators, int(first), int(last))
            graph._check()
        except _BROKEN as error:
            raise GalagoError(
                "model.malformed", f"no .tflite that can be read ({error}): make it with galago quantize"
            ) from None
        return graph

    def _check(self) -> None:
        """ValueError where numbers name nothing, or values are used before they are computed."""
        known = {self.input} | {i for i, tensor in enumerate(self.tensors) if tensor.data is not None}
        for one in self.operators:
            missing = [i for i in one.inputs if i != -1 and i not in known]
            if missing or not 0 <= one.output < len(self.tensors) or one.output in known:
                raise ValueError(f"operator {one.number} is not in order")
            known.add(one.output)
            if not self._fits(one):
                raise ValueError(f"{one} has options or shapes that do not fit")
        if self.output not in known or not 0 <= self.input < len(self.tensors):
            raise ValueError("ends are missing")

    def _fits(self, one: Operator) -> bool:
        """Whether an operator has its options, and tensors of shapes that belong together."""
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
                return (output.size, source.size) == others[0].shape
            case "ADD":
                return source.shape == others[0].shape == output.shape
            case "PAD" if others[0].data is not None and others[0].size == 2 * len(source.shape):
                pads = others[0].data.reshape(-1, 2)
                return pads.min() >= 0 and tuple(pads.sum(1) + source.shape) == output.shape
            case "MEAN" | "AVERAGE_POOL_2D":
                return len(source.shape) == 4 and output.size == source.shape[3]
            case "RESHAPE" | "SOFTMAX":
                return source.size == output.size
        return False

    def users(self, tensor: int) -> list[Operator]:
        """The operators that take a tensor."""
        return [one for one in self.operators if tensor in one.inputs]


def _convolves(one: Operator, source: tuple, weights: tuple, output: tuple) -> bool:
    """Whether the shapes are those of a convolution of one picture."""
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


def _tensor(tensor: Any, buffers: list[Any]) -> Tensor:
    dtype = _TYPES.get(tensor.type)
    name = bytes(tensor.name or b"").decode(errors="replace")
    if dtype is None:
        raise ValueError(f"tensor {name} has type {tensor.type}, wanted int8 or int32")
    shape = tuple(int(n) for n in (tensor.shape if tensor.shape is not None else ()))
    scales, zero_point = np.ones(1), 0
    given = tensor.quantization
    if given is not None and given.scale is not None and len(given.scale):
        with np.errstate(invalid="ignore"):  # a signalling NaN; refused below
            scales = np.asarray(given.scale, np.float64)
        points = {int(point) for point in given.zeroPoint}
        if len(points) != 1 or not np.all(np.isfinite(scales) & (scales > 0)):
            raise ValueError(f"tensor {name} has scales or zero points that mean nothing")
        (zero_point,) = points
    if dtype == np.int8 and not -128 <= zero_point <= 127:
        raise ValueError(f"tensor {name} has zero point {zero_point}")
    raw = buffers[tensor.buffer].data
    data = None
    if raw is not None and len(raw):
        data = np.frombuffer(np.asarray(raw, np.uint8).tobytes(), dtype).reshape(shape)
    return Tensor(name, shape, dtype, scales, zero_point, data)
