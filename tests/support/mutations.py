# SPDX-License-Identifier: MIT
"""Damages .tflite files: blindly, where a file keeps its structure, and field by field by name.

    damaged = mutant(number)            # the same number always gives the same file
    damaged.seed, damaged.kind, damaged.data

A mutant's number is all that a regression test has to keep.
"""

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any
from unittest import mock

import numpy as np
from flatbuffers import encode
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

from support import seeds

_WORDS = (
    0, 1, 2, 3, 4, 7, 8, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0xFFFFFF, 0x1000000,
    0x3FFFFFFF, 0x40000000, 0x7FFFFFFC, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFF80, 0xFFFFFFF0,
    0xFFFFFFFC, 0xFFFFFFFE, 0xFFFFFFFF,
    # float32: denormal, the smallest normal, 1.0, great ones, infinite, not a number
    0x00000001, 0x007FFFFF, 0x00800000, 0x3F800000, 0x7F000000, 0x7F7FFFFF, 0x7F800000, 0xFF800000,
    0x7FC00000,
)  # fmt: skip
_SIZES = (
    -(2**31), -1, 0, 1, 2, 3, 4, 5, 7, 8, 16, 31, 255, 1000, 4096, 1 << 16, 1 << 24, (1 << 24) + 1,
    2**31 - 1,
)  # fmt: skip
_SCALES = (
    0.0, -0.0, -0.01, 1e-45, 1.1754942e-38, 1.1754944e-38, 1e-30, 1e-10, 1e-3, 0.5, 1.0, 3.0, 1e10, 3e38,
    float("inf"), float("-inf"), float("nan"),
)  # fmt: skip
_ZEROS = (-(2**63), -(2**32), -(2**31), -129, -128, -1, 0, 1, 127, 128, 2**31, 2**32, 2**32 + 5, 2**63 - 1)
_STRIDES = (1, 1, 2, 3, 5, 8, 100, 1 << 16, 1 << 24, 2**31 - 1)


@dataclass(frozen=True)
class Mutant:
    """A damaged file, and how it came to be."""

    number: int
    seed: str
    kind: str
    data: bytes


def mutant(number: int) -> Mutant:
    """The mutant of a number: every tenth of a real model, the others of small graphs, which never change."""
    dice = random.Random(f"galago {number}")
    models = seeds.real() if number % 10 == 9 and seeds.real() else seeds.small()
    name = dice.choice(sorted(models))
    kind, change = dice.choices(_KINDS, _WEIGHTS)[0]
    return Mutant(number, name, kind, change(dice, models[name]))


# Blind changes, of bytes that may mean anything.


def _bits(dice: random.Random, model: bytes) -> bytes:
    data = bytearray(model)
    for _ in range(dice.choice((1, 1, 2, 4, 16))):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    return bytes(data)


def _bytes(dice: random.Random, model: bytes) -> bytes:
    data = bytearray(model)
    for _ in range(dice.choice((1, 1, 2, 4, 16))):
        data[dice.randrange(len(data))] = dice.choice((0, 1, 4, 127, 128, 255, dice.randrange(256)))
    return bytes(data)


def _words(dice: random.Random, model: bytes) -> bytes:
    data = bytearray(model)
    for _ in range(dice.choice((1, 1, 2, 4))):
        struct.pack_into("<I", data, dice.randrange(len(data) // 4) * 4, dice.choice(_WORDS))
    return bytes(data)


def _blocks(dice: random.Random, model: bytes) -> bytes:
    """Copies, removes or cuts off a piece."""
    start, size = dice.randrange(len(model)), dice.choice((1, 2, 4, 8, 16, 64, 256))
    piece = model[start : start + size]
    match dice.randrange(4):
        case 0:
            return model[:start]
        case 1:
            return model[:start] + model[start + size :]
        case 2:
            return model[:start] + piece + model[start:]
        case _:
            at = dice.randrange(len(model))
            return model[:at] + piece + model[at + len(piece) :]


# Changes of what holds the file together: every offset, vector length and scalar that a reader looks at.


@cache
def _places(model: bytes) -> list[tuple[int, int]]:
    """(position, size) of all numbers that the schema's reader reads one by one."""
    places: dict[int, int] = {}
    read = encode.Get

    def get(packer: struct.Struct, data: bytes, at: int) -> Any:
        places[at] = packer.size
        return read(packer, data, at)

    with mock.patch.object(encode, "Get", get):
        schema.ModelT.InitFromPackedBuf(model, 0)
    return sorted(places.items())


def _structure(dice: random.Random, model: bytes) -> bytes:
    data = bytearray(model)
    places = _places(model)
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        position, size = dice.choice(places)
        value = int.from_bytes(data[position : position + size], "little")
        value = dice.choice(
            (dice.choice(_WORDS), value + dice.choice((-8, -4, -2, -1, 1, 2, 4, 8)), value * 2)
        )
        data[position : position + size] = (value % (1 << 8 * size)).to_bytes(size, "little")
    return bytes(data)


# Changes by name, in files that are whole as flatbuffers.

Change = Callable[[random.Random, Any], None]


def _fields(dice: random.Random, model: bytes) -> bytes:
    return _changed(dice, model, _ANY)


def _plausible(dice: random.Random, model: bytes) -> bytes:
    return _changed(dice, model, _LIKELY)


def _changed(dice: random.Random, model: bytes, changes: tuple[Change, ...]) -> bytes:
    tree: Any = schema.ModelT.InitFromPackedBuf(model, 0)
    wanted = dice.choice((1, 1, 2, 3))
    while wanted:
        try:
            dice.choice(changes)(dice, tree)
            wanted -= 1
        except (TypeError, IndexError, AttributeError, ValueError):
            continue  # this graph has no such field
    return seeds.packed(tree)


def _tensor(dice: random.Random, tree: Any) -> Any:
    return dice.choice(tree.subgraphs[0].tensors)


def _operator(dice: random.Random, tree: Any) -> Any:
    return dice.choice(tree.subgraphs[0].operators)


def _shape(dice: random.Random, tree: Any) -> None:
    shape = [int(n) for n in _tensor(dice, tree).shape]
    tensor = _tensor(dice, tree)
    match dice.randrange(4):
        case 0:
            shape.append(dice.choice(_SIZES))
        case 1:
            shape.pop()
        case _:
            shape[dice.randrange(len(shape))] = dice.choice(_SIZES)
    tensor.shape = shape


def _scale(dice: random.Random, tree: Any) -> None:
    scales = [float(s) for s in _tensor(dice, tree).quantization.scale]
    match dice.randrange(4):
        case 0:
            scales.append(dice.choice(_SCALES))
        case 1:
            scales.pop()
        case _:
            scales[dice.randrange(len(scales))] = dice.choice(_SCALES)
    _tensor(dice, tree).quantization.scale = scales


def _one_scale(dice: random.Random, tree: Any) -> None:
    scales = _tensor(dice, tree).quantization.scale
    scales[dice.randrange(len(scales))] = dice.choice(_SCALES)


def _positive_scale(dice: random.Random, tree: Any) -> None:
    scales = _tensor(dice, tree).quantization.scale
    power = 2.0 ** dice.choice((dice.randrange(-12, 4), dice.randrange(-126, 127)))
    scales[dice.randrange(len(scales))] = power * dice.choice((1.0, dice.uniform(1.0, 2.0)))


def _zero(dice: random.Random, tree: Any) -> None:
    quantization = _tensor(dice, tree).quantization
    zeros = [int(z) for z in quantization.zeroPoint]
    zeros[dice.randrange(len(zeros))] = dice.choice(_ZEROS)
    quantization.zeroPoint = zeros


def _zero_point(dice: random.Random, tree: Any) -> None:
    quantization = _tensor(dice, tree).quantization
    if len(quantization.zeroPoint) == 1:
        quantization.zeroPoint = [dice.randrange(-128, 128)]


def _dimension(dice: random.Random, tree: Any) -> None:
    _tensor(dice, tree).quantization.quantizedDimension = dice.choice(_SIZES)


def _type(dice: random.Random, tree: Any) -> None:
    _tensor(dice, tree).type = dice.randrange(20)


def _unquantized(dice: random.Random, tree: Any) -> None:
    _tensor(dice, tree).quantization = None


def _buffer(dice: random.Random, tree: Any) -> None:
    _tensor(dice, tree).buffer = dice.choice(
        (0, 1, 2, 3, len(tree.buffers) - 1, len(tree.buffers), 2**31, 2**32 - 1)
    )


def _buffer_size(dice: random.Random, tree: Any) -> None:
    buffer = dice.choice(tree.buffers)
    data = np.array(buffer.data, np.uint8)
    buffer.data = dice.choice(
        (data[:-1], data[: len(data) // 2], np.append(data, data), data[:0], np.append(data, 7))
    )


def _buffer_content(dice: random.Random, tree: Any) -> None:
    buffer = dice.choice(tree.buffers)
    data = np.array(buffer.data, np.uint8)
    if len(data) % 4 == 0:
        words = data.view(np.uint32)
        words[dice.randrange(len(words))] = dice.choice(_WORDS)
    buffer.data = data


def _tensor_index(dice: random.Random, tree: Any) -> None:
    operator = _operator(dice, tree)
    name = dice.choice(("inputs", "outputs"))
    numbers = [int(n) for n in getattr(operator, name)]
    count = len(tree.subgraphs[0].tensors)
    match dice.randrange(4):
        case 0:
            numbers.append(dice.randrange(count))
        case 1:
            numbers.pop()
        case _:
            numbers[dice.randrange(len(numbers))] = dice.choice(
                (*range(count), -1, -2, count, 2**31 - 1, -(2**31))
            )
    setattr(operator, name, numbers)


def _ends(dice: random.Random, tree: Any) -> None:
    graph = tree.subgraphs[0]
    setattr(graph, dice.choice(("inputs", "outputs")), [dice.randrange(-1, len(graph.tensors) + 1)])


def _code(dice: random.Random, tree: Any) -> None:
    code = dice.choice(tree.operatorCodes)
    number = dice.choice(
        (0, 1, 2, 3, 4, 9, 14, 17, 18, 19, 21, 22, 25, 28, 34, 40, 41, 43, 54, 60, 70, 82, 97, 98, 32, 114,
         117, 127, 128, 206, 2**31 - 1, -1)
    )  # fmt: skip
    code.builtinCode, code.deprecatedBuiltinCode = number, max(-128, min(number, 127))


def _code_index(dice: random.Random, tree: Any) -> None:
    _operator(dice, tree).opcodeIndex = dice.choice((0, 1, 2, len(tree.operatorCodes), 2**32 - 1))


def _repeat(dice: random.Random, tree: Any) -> None:
    operators = tree.subgraphs[0].operators
    operators.insert(dice.randrange(len(operators) + 1), dice.choice(operators))


def _remove(dice: random.Random, tree: Any) -> None:
    things = dice.choice(
        (
            tree.subgraphs[0].operators,
            tree.subgraphs[0].tensors,
            tree.buffers,
            tree.operatorCodes,
            tree.subgraphs,
        )
    )
    things.pop(dice.randrange(len(things)))


def _options(dice: random.Random, tree: Any) -> None:
    options = _operator(dice, tree).builtinOptions
    name = dice.choice(sorted(vars(options)))
    value = getattr(options, name)
    if isinstance(value, bool):
        setattr(options, name, not value)
    elif isinstance(value, float):
        setattr(options, name, dice.choice(_SCALES))
    elif name in ("padding", "fusedActivationFunction", "weightsFormat", "quantizedBiasType", "mode"):
        setattr(options, name, dice.choice((0, 1, 2, 3, 4, 5, 127, -1)))
    elif isinstance(value, int):
        setattr(options, name, dice.choice(_SIZES))


def _activation(dice: random.Random, tree: Any) -> None:
    options = _operator(dice, tree).builtinOptions
    if hasattr(options, "fusedActivationFunction"):
        options.fusedActivationFunction = dice.choice((0, 1, 3))


def _no_options(dice: random.Random, tree: Any) -> None:
    operator = _operator(dice, tree)
    operator.builtinOptions, operator.builtinOptionsType = None, 0


def _window(dice: random.Random, tree: Any) -> None:
    """Another stride, padding and kernel, with the shapes that follow: what the checks should let pass."""
    tensors, operator = tree.subgraphs[0].tensors, _operator(dice, tree)
    options = operator.builtinOptions
    source, target = tensors[operator.inputs[0]], tensors[operator.outputs[0]]
    size = [int(n) for n in source.shape[1:3]]
    options.padding = dice.randrange(2)
    stride = [dice.choice((*_STRIDES, *size)) for _ in range(2)]
    options.strideH, options.strideW = stride
    kernel = [dice.choice((1, 2, 3, 4, 7, n, n + 1, 2 * n + 3)) for n in size]
    if hasattr(options, "filterHeight"):
        kernel = [dice.choice((k, k, k, k, 1000, 32767)) for k in kernel]
        options.filterHeight, options.filterWidth = kernel
    else:
        filters = tensors[operator.inputs[1]]
        filters.shape = [filters.shape[0], *kernel, filters.shape[3]]
        weights = np.random.default_rng(dice.randrange(1 << 32)).integers(0, 256, int(np.prod(filters.shape)))
        tree.buffers[filters.buffer].data = weights.astype(np.uint8)
    counts = [
        (n - k + s) // s if options.padding else -(-n // s)
        for n, k, s in zip(size, kernel, stride, strict=True)
    ]
    target.shape = [1, *counts, target.shape[3]]


def _resize(dice: random.Random, tree: Any) -> None:
    """Another height and width of everything that has the input's."""
    graph = tree.subgraphs[0]
    shape = [int(n) for n in graph.tensors[graph.inputs[0]].shape]
    sizes = [dice.choice((1, 2, 3, 5, 9, 33, 100)) for _ in range(2)]
    for tensor in graph.tensors:
        if len(tensor.shape) == 4 and list(tensor.shape[1:3]) == shape[1:3]:
            tensor.shape = [tensor.shape[0], *sizes, tensor.shape[3]]


def _pads(dice: random.Random, tree: Any) -> None:
    tensors, operator = tree.subgraphs[0].tensors, _operator(dice, tree)
    if len(operator.inputs) != 2 or list(tensors[operator.inputs[1]].shape) != [4, 2]:
        raise AttributeError("no PAD")
    pads = np.array(
        [[0, 0], *([dice.choice((0, 0, 1, 2, 50, -1, 1 << 24)) for _ in range(2)] for _ in range(3))],
        np.int32,
    )
    source, target = tensors[operator.inputs[0]], tensors[operator.outputs[0]]
    tree.buffers[tensors[operator.inputs[1]].buffer].data = np.frombuffer(pads.tobytes(), np.uint8)
    target.shape = [int(n) + int(a) + int(b) for n, (a, b) in zip(source.shape, pads, strict=True)]


# What ends in an error most of the time, and what the checks mostly let pass.
_ANY: tuple[Change, ...] = (
    _shape, _scale, _one_scale, _zero, _dimension, _type, _unquantized, _buffer, _buffer_size,
    _buffer_content, _tensor_index, _tensor_index, _ends, _code, _code_index, _repeat, _remove, _options,
    _options, _no_options, _window, _resize, _pads,
)  # fmt: skip
_LIKELY: tuple[Change, ...] = (
    _positive_scale, _positive_scale, _zero_point, _zero_point, _buffer_content, _activation, _window,
    _window, _window, _pads, _resize,
)  # fmt: skip
_KINDS: tuple[tuple[str, Callable[[random.Random, bytes], bytes]], ...] = (
    ("bits", _bits), ("bytes", _bytes), ("words", _words), ("blocks", _blocks), ("structure", _structure),
    ("fields", _fields), ("plausible", _plausible),
)  # fmt: skip
_WEIGHTS = (8, 6, 6, 6, 24, 25, 25)
