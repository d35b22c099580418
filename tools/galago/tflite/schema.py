# SPDX-License-Identifier: MIT
"""TensorFlow Lite's schema: the bytes of a .tflite as typed objects, and back.

    model = schema.parse(data)                  # GalagoError model.malformed for anything broken
    for operator in schema.operators(model):
        operator.kind, operator.inputs, operator.output
    data = schema.pack(model)

    with schema.malformed():                    # the same error for what is found broken later on
        model.subgraphs[0].tensors[operator.output].shape

The generated schema, which several packages of TensorFlow carry, has no types and takes a while to import.
This module alone imports it, on first use. The protocols below name the fields that Galago uses, as the
schema does.
"""

import contextlib
import functools
import importlib
import struct
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from galago.errors import GalagoError

FILE_IDENTIFIER = b"TFL3"
_GENERATED = (
    "tflite_micro.tensorflow.lite.micro.python.schema_py_generated",
    "ai_edge_litert.schema_py_generated",
    "tensorflow.lite.python.schema_py_generated",
)
"""Modules with the generated schema; a platform has at least one of them."""
# What the generated reader, and code that trusts its indexes, raises on damaged bytes.
_DAMAGE = (
    AttributeError,
    IndexError,
    KeyError,
    MemoryError,
    OverflowError,
    TypeError,
    ValueError,
    struct.error,
)


class QuantizationParametersT(Protocol):
    """Scales and zero points: one pair, or one for each index of `quantizedDimension`."""

    scale: Sequence[float] | NDArray[np.float32] | None
    zeroPoint: Sequence[int] | NDArray[np.int64] | None  # noqa: N815 - the schema's name
    quantizedDimension: int  # noqa: N815


class TensorT(Protocol):
    """A tensor; `buffer` is an index into the model's buffers, where buffer 0 is empty."""

    shape: Sequence[int] | None
    shapeSignature: Sequence[int] | None  # noqa: N815
    type: int
    buffer: int
    name: str | bytes | None
    quantization: QuantizationParametersT | None


class OperatorT(Protocol):
    """An operator; `inputs` and `outputs` are tensor indexes, -1 for an optional input left out."""

    opcodeIndex: int  # noqa: N815
    inputs: Sequence[int]
    outputs: Sequence[int]
    builtinOptionsType: int  # noqa: N815
    builtinOptions: Any  # noqa: N815 - an object of one of a hundred classes


class SubGraphT(Protocol):
    """A graph; `inputs` and `outputs` are tensor indexes."""

    tensors: list[TensorT]
    operators: list[OperatorT]
    inputs: Sequence[int]
    outputs: Sequence[int]


class OperatorCodeT(Protocol):
    """Which built-in operator; files older than 2020 have the deprecated field alone."""

    builtinCode: int  # noqa: N815
    deprecatedBuiltinCode: int  # noqa: N815
    customCode: str | bytes | None  # noqa: N815
    version: int


class BufferT(Protocol):
    """The bytes of a constant tensor, or None."""

    data: NDArray[np.uint8] | None


class ModelT(Protocol):
    """A whole file."""

    version: int
    operatorCodes: list[OperatorCodeT]  # noqa: N815
    subgraphs: list[SubGraphT]
    buffers: list[BufferT]
    signatureDefs: list[Any] | None  # noqa: N815
    metadata: list[Any] | None
    metadataBuffer: list[int] | None  # noqa: N815


@dataclass(frozen=True)
class Operator:
    """An operator of a graph, by name. `inputs` and `output` are tensor indexes (-1: input left out)."""

    number: int
    kind: str
    """The name in the schema, such as CONV_2D."""
    inputs: tuple[int, ...]
    output: int
    options: Any
    """The schema's options object, or None."""
    name: str
    """The name of the output tensor."""

    def __str__(self) -> str:
        first, *_ = self.name.split(";")  # TensorFlow names a layer after all that it has fused into it
        return f"layer {self.number} ({self.kind} {first})"


def parse(data: bytes) -> ModelT:
    """The objects of a .tflite. Raises GalagoError model.malformed for anything else."""
    with malformed():
        generated = _generated()
        return cast(ModelT, generated.ModelT.InitFromObj(generated.Model.GetRootAs(data, 0)))


def pack(model: ModelT) -> bytes:
    """The bytes of a .tflite with these objects. Equal lists of zero points are stored once."""
    builder = _sharing_builder()(1 << 20)
    builder.Finish(cast(Any, model).Pack(builder), FILE_IDENTIFIER)
    return bytes(builder.Output())


@functools.cache
def _sharing_builder() -> Any:
    builder: Any = importlib.import_module("flatbuffers").Builder

    class SharingBuilder(builder):
        """A builder that refers to zero points that it has written already instead of writing them again.

        They alone have 64 bits, mostly all 0: half of what a channel takes besides its weights.
        """

        def __init__(self, size: int) -> None:
            builder.__init__(self, size)
            self._written: dict[bytes, int] = {}

        def CreateNumpyVector(self, x: NDArray[Any]) -> int:  # noqa: N802 - the name of what it replaces
            if x.dtype != np.int64:
                return builder.CreateNumpyVector(self, x)
            if x.tobytes() not in self._written:
                self._written[x.tobytes()] = builder.CreateNumpyVector(self, x)
            return self._written[x.tobytes()]

    return SharingBuilder


def new(name: str) -> Any:
    """A new object of one of the schema's classes, such as TensorT or Conv2DOptionsT."""
    return getattr(_generated(), name)()


def constant(enumeration: str, name: str) -> int:
    """The value of one of the schema's constants: `constant("TensorType", "INT8")` is 9."""
    return int(getattr(getattr(_generated(), enumeration), name))


@contextlib.contextmanager
def malformed() -> Generator[None]:
    """Turns what damaged bytes make readers raise into GalagoError model.malformed."""
    try:
        yield
    except _DAMAGE as error:
        reason = " ".join(str(error).split())[:160]
        raise GalagoError(
            "model.malformed",
            f"not a valid .tflite ({reason}): copy the file again, or make a new one with galago quantize",
        ) from error


def operators(model: ModelT) -> list[Operator]:
    """The operators of a model's first graph, in the order in which they run.

    Raises GalagoError model.malformed where an operator or its output does not exist.
    """
    with malformed():
        graph, kinds = model.subgraphs[0], operator_kinds(model)
        return [
            Operator(
                number,
                kinds[operator.opcodeIndex],
                tuple(int(index) for index in operator.inputs),
                int(operator.outputs[0]),
                operator.builtinOptions,
                tensor_name(graph.tensors[operator.outputs[0]]),
            )
            for number, operator in enumerate(graph.operators)
        ]


def operator_kinds(model: ModelT) -> list[str]:
    """The name of each operator code: in the schema, such as CONV_2D, or "CUSTOM name".

    Raises GalagoError model.malformed for unknown ones.
    """
    with malformed():
        names = _operator_names()
        kinds: list[str] = []
        for code in model.operatorCodes:
            kind = names[max(code.builtinCode, code.deprecatedBuiltinCode)]
            custom = code.customCode
            if custom is not None and kind == "CUSTOM":
                kind += " " + (custom if isinstance(custom, str) else bytes(custom).decode(errors="replace"))
            kinds.append(kind)
        return kinds


def shape(tensor: TensorT) -> tuple[int, ...]:
    """The shape of a tensor, with the batch. Raises ValueError where the file has none."""
    if tensor.shape is None:
        raise ValueError(f"tensor {tensor_name(tensor)} has no shape")
    return tuple(int(n) for n in tensor.shape)


def operator_outputs(data: bytes) -> tuple[list[int], int]:
    """The output tensor of each operator of the first graph, and the number of elements of all its tensors.

    Reads nothing else of the file. Raises GalagoError model.malformed where these cannot be read.
    """
    with malformed():
        graph = _generated().Model.GetRootAs(data, 0).Subgraphs(0)
        outputs = [int(graph.Operators(i).Outputs(0)) for i in range(graph.OperatorsLength())]
        shapes: list[NDArray[np.int32]] = [
            graph.Tensors(i).ShapeAsNumpy() for i in range(graph.TensorsLength())
        ]
        return outputs, sum(int(np.prod(shape)) for shape in shapes)


def is_quantized(tensor: TensorT) -> bool:
    """Whether a tensor has at least one scale."""
    found = tensor.quantization
    return found is not None and found.scale is not None and len(found.scale) > 0


def quantization(tensor: TensorT) -> tuple[NDArray[np.float64], list[int]]:
    """Scales and zero points of a tensor, one or one for each channel. Raises ValueError without any."""
    found = tensor.quantization
    if found is None or found.scale is None or found.zeroPoint is None or not len(found.scale):
        raise ValueError(f"tensor {tensor_name(tensor)} has no scale or no zero point")
    with np.errstate(invalid="ignore"):  # a signalling NaN
        return np.asarray(found.scale, np.float64), [int(point) for point in found.zeroPoint]


def tensor_name(tensor: TensorT) -> str:
    """The name of a tensor; bytes that are not UTF-8 are replaced."""
    name = tensor.name or b""
    return name if isinstance(name, str) else bytes(name).decode(errors="replace")


def type_name(number: int) -> str:
    """The name of a tensor type, such as uint8."""
    names = cast(dict[str, Any], vars(_generated().TensorType))
    return next((name.lower() for name, value in names.items() if value == number), f"type {number}")


@functools.cache
def _generated() -> Any:
    for name in _GENERATED:
        with contextlib.suppress(ImportError):
            return importlib.import_module(name)
    raise GalagoError(
        "config.missing",
        "no package with the schema of .tflite files is installed: pip install ai-edge-litert",
    )


@functools.cache
def _operator_names() -> dict[int, str]:
    names = cast(dict[str, Any], vars(_generated().BuiltinOperator))
    return {value: name for name, value in names.items() if isinstance(value, int)}
