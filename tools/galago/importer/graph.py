# SPDX-License-Identifier: MIT
"""The first graph of a .tflite while it is rewritten: who makes and reads each tensor, constants, pruning.

graph = Graph(data)
graph.producer(tensor), graph.readers(tensor), graph.kind(operator)
graph.values(tensor)                   # a constant as an array, or None
graph.packed()                         # the .tflite with what its output needs, and nothing else
"""

from typing import Any

import numpy as np

from galago.errors import GalagoError
from galago.tflite import schema
from galago.tflite.schema import OperatorT, TensorT

FLOAT32, FLOAT16, INT32, UINT8, INT64, INT16, INT8 = 0, 1, 2, 3, 4, 7, 9
"""Tensor types of the schema."""
TYPES = {0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 6: "bool", 7: "int16", 9: "int8"}
_MOST_OPERATORS = 10_000  # what a network for a board has is below 500
_MOST_COMPUTED = 1 << 30  # bytes of constants that are computed on the host
_DTYPES: dict[int, Any] = {0: "<f4", 1: "<f2", 2: "<i4", 3: "u1", 4: "<i8", 7: "<i2", 9: "i1"}


class Graph:
    """A graph with one input, whose operators can be changed in place.

    Raises GalagoError model.malformed where the file is inconsistent.
    """

    def __init__(self, data: bytes) -> None:
        self.model: Any = schema.parse(data)
        self._names = schema.operator_kinds(self.model)
        self.changed = _inline(self.model, data)
        """Whether the file has to be written anew."""
        self._computed = 0
        with schema.malformed():
            self.graph = self.model.subgraphs[0]
            self.tensors, self.operators = self.graph.tensors, list(self.graph.operators)
            self.inputs = [int(i) for i in self.graph.inputs]
            self.outputs = [int(i) for i in self.graph.outputs]
            for tensor in self.tensors:
                tensor.shape = [int(n) for n in tensor.shape] if tensor.shape is not None else []
            if len(self.operators) > _MOST_OPERATORS:
                raise ValueError(f"{len(self.operators):,} operators, over {_MOST_OPERATORS:,}")
            existing = set(range(len(self.tensors)))
            for operator in self.operators:
                operator.inputs = [int(i) for i in operator.inputs] if operator.inputs is not None else []
                operator.outputs = [int(i) for i in operator.outputs]
                if not 0 <= operator.opcodeIndex < len(self._names):
                    raise ValueError("an operator has a code that does not exist")
                if not operator.outputs or not existing.issuperset(operator.outputs):
                    raise ValueError("an operator computes a tensor that does not exist")
                if not existing.issuperset(index for index in operator.inputs if index != -1):
                    raise ValueError("an operator reads a tensor that does not exist")
            if not existing.issuperset(self.inputs + self.outputs):
                raise ValueError("the graph names a tensor that does not exist")
            if not self.inputs or not self.outputs or not self.operators:
                raise ValueError("the graph has no input, no output or no operator")

    def kind(self, operator: OperatorT) -> str:
        """The name of an operator in the schema, or of a custom operator."""
        return self._names[operator.opcodeIndex]

    def kind_of(self, tensor: int) -> str:
        """The name of the operator that computes a tensor; "" for none."""
        operator = self.producer(tensor)
        return self.kind(operator) if operator else ""

    def code(self, kind: str) -> int:
        """The index of an operator code, which is added if the file does not have it."""
        if kind not in self._names:
            code = schema.new("OperatorCodeT")
            number = schema.constant("BuiltinOperator", kind)
            code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), 1
            self.model.operatorCodes.append(code)
            self._names.append(kind)
        return self._names.index(kind)

    def kinds(self) -> list[str]:
        """The names of all operators, in order."""
        return [self.kind(operator) for operator in self.operators]

    def producer(self, tensor: int) -> OperatorT | None:
        """The operator that computes a tensor, or None."""
        return next((one for one in self.operators if tensor in one.outputs), None)

    def readers(self, tensor: int) -> list[OperatorT]:
        """The operators that read a tensor."""
        return [one for one in self.operators if tensor in one.inputs]

    def type(self, tensor: int) -> int:
        """The type of a tensor, a constant of this module."""
        return self.tensors[tensor].type

    def shape(self, tensor: int) -> tuple[int, ...]:
        """The shape of a tensor, with the batch."""
        return tuple(self.tensors[tensor].shape or ())

    def name(self, tensor: int) -> str:
        """The name of a tensor."""
        return schema.tensor_name(self.tensors[tensor])

    def quantization(self, tensor: int) -> tuple[float, int]:
        """Scale and zero point of a tensor that has one of each. Raises GalagoError model.quantization."""
        one = self.tensors[tensor]
        if not schema.is_quantized(one):
            raise GalagoError(
                "model.quantization",
                f"tensor {self.name(tensor)} is {TYPES.get(one.type, one.type)} without a scale: convert the "
                "model again with full int8",
            )
        with schema.malformed():
            scales, points = schema.quantization(one)
            if not 0 < scales[0] < np.inf:
                raise ValueError(f"tensor {self.name(tensor)} has the scale {scales[0]}")
            return float(scales[0]), points[0]

    def values(self, tensor: int) -> np.ndarray | None:
        """The values of a constant tensor in its shape; None where an operator computes it."""
        if tensor < 0:
            return None
        one = self.tensors[tensor]
        with schema.malformed():
            data = self.model.buffers[one.buffer].data
            if data is None or not len(data):
                return None
            return np.frombuffer(np.asarray(data, np.uint8).tobytes(), _DTYPES[one.type]).reshape(one.shape)

    def set_values(self, tensor: int, values: np.ndarray) -> None:
        """Makes a tensor constant; `values` has the dtype of its type.

        Raises GalagoError model.malformed where all of them together are too large.
        """
        self._computed += values.nbytes
        with schema.malformed():
            if self._computed > _MOST_COMPUTED:
                raise ValueError(f"its constants would take over {_MOST_COMPUTED >> 20} MiB")
        buffer = schema.new("BufferT")
        buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        self.tensors[tensor].buffer = len(self.model.buffers)
        self.tensors[tensor].shape = list(values.shape)
        self.model.buffers.append(buffer)

    def bypass(self, operator: OperatorT, source: int) -> None:
        """Removes an operator: its readers, or the graph's output, take `source` instead of its output."""
        (target,) = operator.outputs
        self.operators.remove(operator)
        for one in self.operators:
            one.inputs = [source if i == target else i for i in one.inputs]
        self.outputs = [source if i == target else i for i in self.outputs]

    def prune(self) -> None:
        """Removes operators that no output needs."""
        needed, kept = set(self.outputs), []
        for operator in reversed(self.operators):
            if needed & set(operator.outputs):
                needed.update(operator.inputs)
                kept.append(operator)
        self.operators = kept[::-1]

    def packed(self) -> bytes:
        """The .tflite with the operators, tensors and buffers that its outputs need, without metadata."""
        self.prune()
        codes = sorted({operator.opcodeIndex for operator in self.operators})
        self.model.operatorCodes = [self.model.operatorCodes[code] for code in codes]
        self._names = [self._names[code] for code in codes]
        for operator in self.operators:
            operator.opcodeIndex = codes.index(operator.opcodeIndex)
        used = sorted(
            {i for one in self.operators for i in (*one.inputs, *one.outputs) if i >= 0} | set(self.inputs)
        )
        number = {old: new for new, old in enumerate(used)} | {-1: -1}
        buffers, place = [self.model.buffers[0]], {0: 0}
        tensors: list[TensorT] = [self.tensors[i] for i in used]
        for tensor in tensors:
            if tensor.buffer not in place:
                place[tensor.buffer] = len(buffers)
                buffers.append(self.model.buffers[tensor.buffer])
            tensor.buffer = place[tensor.buffer]
        for operator in self.operators:
            operator.inputs = [number[i] for i in operator.inputs]
            operator.outputs = [number[i] for i in operator.outputs]
        graph: Any = self.graph
        graph.tensors, graph.operators = tensors, self.operators
        graph.inputs, graph.outputs = [number[i] for i in self.inputs], [number[i] for i in self.outputs]
        self.model.buffers, self.model.subgraphs = buffers, [graph]
        self.model.metadata = self.model.metadataBuffer = self.model.signatureDefs = None
        return schema.pack(self.model)


def _inline(model: Any, data: bytes) -> bool:
    """Moves buffers behind the flatbuffer, as newer converters write them, into it; tells whether any."""
    found = False
    with schema.malformed():
        for buffer in model.buffers:
            if buffer.offset > 1:
                if buffer.offset + buffer.size > len(data):
                    raise ValueError("a buffer lies behind the end of the file")
                buffer.data = np.frombuffer(data, np.uint8, buffer.size, buffer.offset)
                buffer.offset = buffer.size = 0
                found = True
    return found
