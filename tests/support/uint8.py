# SPDX-License-Identifier: MIT
"""uint8 models, as TensorFlow Lite had them before int8, and its reference kernels, which compute them.

model = uint8.of(int8_model)                # int8 = uint8 - 128: tensors, constants and zero points
model = uint8.shifted(uint8_model)          # the other way round
tensors = uint8.Reference(model).tensors(picture)       # uint8 arrays, in the order of operators
"""

from typing import Any

import numpy as np
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as generated

from galago.lazy_tensorflow import tensorflow
from support import seeds

_UINT8, _INT8 = 3, 9  # TensorType


def of(model: bytes) -> bytes:
    """The uint8 model of which an int8 model is the shifted form."""
    return _shifted(model, _INT8, _UINT8, 128)


def shifted(model: bytes) -> bytes:
    """The shifted form of a uint8 model."""
    return _shifted(model, _UINT8, _INT8, -128)


def _shifted(model: bytes, before: int, after: int, step: int) -> bytes:
    tree: Any = generated.ModelT.InitFromPackedBuf(model, 0)
    buffers: dict[int, Any] = {}
    for tensor in tree.subgraphs[0].tensors:
        if tensor.type != before:
            continue
        tensor.type = after
        tensor.quantization.zeroPoint = [int(zero) + step for zero in tensor.quantization.zeroPoint]
        buffers[tensor.buffer] = tree.buffers[tensor.buffer]  # tensors may share one
    for buffer in buffers.values():
        if buffer.data is not None:
            buffer.data = np.asarray(buffer.data, np.uint8) ^ 0x80
    return seeds.packed(tree)


class Reference:
    """TensorFlow Lite's reference kernels (BUILTIN_REF), for a uint8 model."""

    def __init__(self, model: bytes) -> None:
        lite = tensorflow().lite
        self._interpreter = lite.Interpreter(
            model_content=model,
            experimental_op_resolver_type=lite.experimental.OpResolverType.BUILTIN_REF,
            experimental_preserve_all_tensors=True,
        )
        self._interpreter.allocate_tensors()
        flat: Any = generated.ModelT.InitFromPackedBuf(model, 0)
        graph = flat.subgraphs[0]
        self._outputs = [int(operator.outputs[0]) for operator in graph.operators]
        self.input_shape = tuple(int(n) for n in self._interpreter.get_input_details()[0]["shape"])

    def tensors(self, picture: np.ndarray) -> list[np.ndarray]:
        """What each operator computes from a uint8 input."""
        self._interpreter.set_tensor(self._interpreter.get_input_details()[0]["index"], picture)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index).copy() for index in self._outputs]
