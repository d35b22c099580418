# SPDX-License-Identifier: MIT
"""Models of TensorFlow 1's quantization-aware training, whose activations and weights are uint8.

    legacy.to_int8(model)                    # every tensor becomes int8 = uint8 - 128, and so its zero point
    data = legacy.to_uint8(data)             # and back, for TensorFlow Lite's reference kernels

Both are exact: no number that a tensor stands for changes. The weights keep a zero point that is not 0, which
TensorFlow Lite Micro ignores in int8.
"""

import numpy as np

from galago.tflite import schema
from galago.tflite.schema import ModelT

_UINT8, _INT8 = 3, 9
_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def to_int8(model: ModelT) -> None:
    """Rewrites every uint8 tensor of a model's first graph as int8.

    Operators get version 1, which no int8 one has: it tells the engine to round as the uint8 kernels do.
    """
    _shift(model, _UINT8, _INT8, -128)
    for code in model.operatorCodes:
        code.version = 1


def to_uint8(data: bytes) -> bytes:
    """The .tflite with every int8 tensor of its first graph as uint8."""
    model = schema.parse(data)
    _shift(model, _INT8, _UINT8, 128)
    return schema.pack(model)


def has_weight_zero_points(data: bytes) -> bool:
    """Whether an int8 .tflite has weights with a zero point other than 0, as `to_int8` makes them."""
    model = schema.parse(data)
    operators = schema.operators(model)
    with schema.malformed():
        tensors = model.subgraphs[0].tensors
        weights = [tensors[one.inputs[1]] for one in operators if one.kind in _WEIGHTED]
        return any(any(schema.quantization(each)[1]) for each in weights if schema.is_quantized(each))


def _shift(model: ModelT, old: int, new: int, by: int) -> None:
    with schema.malformed():
        shifted: set[int] = set()
        for tensor in model.subgraphs[0].tensors:
            if tensor.type != old:
                continue
            buffer = model.buffers[tensor.buffer]
            if buffer.data is not None and len(buffer.data) and tensor.buffer not in shifted:
                buffer.data = np.asarray(buffer.data, np.uint8) ^ np.uint8(128)
                shifted.add(tensor.buffer)
            tensor.type = new
            found = tensor.quantization
            if found is not None and found.zeroPoint is not None:
                found.zeroPoint = [int(point) + by for point in found.zeroPoint]
