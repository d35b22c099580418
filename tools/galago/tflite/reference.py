# SPDX-License-Identifier: MIT
"""The reference of a model: TensorFlow Lite Micro, or for weights with a zero point TensorFlow Lite's own.

Where they are not installed, numpy computes the same bytes (galago.tflite.exact).

oracle = reference(data)
oracle.run(picture)                        # as Tflm
oracle.tensors(picture)

TensorFlow Lite Micro ignores the zero point of int8 weights. Such models come from uint8 ones (legacy.py), so
they run as uint8 in TensorFlow Lite's reference kernels (BUILTIN_REF), never in XNNPACK.
"""

import importlib
from typing import Any

import numpy as np

from galago.errors import GalagoError
from galago.tflite import legacy, schema, tflm
from galago.tflite.exact import Exact
from galago.tflite.tflm import Int8, Tflm


class ReferenceKernels:
    """An int8 model in TensorFlow Lite's uint8 reference kernels; inputs and outputs are int8 as in Tflm.

    `lite` are TensorFlow Lite's Interpreter and OpResolverType. Raises GalagoError model.operator for what
    they refuse to load.
    """

    def __init__(self, model: bytes, lite: tuple[Any, Any]) -> None:
        self._outputs, _ = schema.operator_outputs(model)
        interpreter, resolver = lite
        try:
            self._interpreter: Any = interpreter(
                model_content=legacy.to_uint8(model),
                experimental_op_resolver_type=resolver.BUILTIN_REF,
                experimental_preserve_all_tensors=True,
            )
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())[:160]
            raise GalagoError("model.operator", f"TensorFlow Lite refuses the model: {reason}") from error
        (source,), (target,) = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        self._input, self._output = source["index"], target["index"]
        self.input_shape = tuple(int(n) for n in source["shape"])

    def run(self, picture: Int8) -> Int8:
        """The output, int8 in the model's output shape, for an int8 input of the model's input shape."""
        values = np.ascontiguousarray(picture, np.int8).reshape(self.input_shape).view(np.uint8) ^ 128
        self._interpreter.set_tensor(self._input, values)
        self._interpreter.invoke()
        return self._tensor(self._output)

    def tensors(self, picture: Int8) -> dict[int, Int8]:
        """Every tensor that an operator computes, by its index in the graph, in the order of operators."""
        self.run(picture)
        return {index: self._tensor(index) for index in self._outputs}

    def _tensor(self, index: int) -> Int8:
        return (self._interpreter.get_tensor(index) ^ 128).view(np.int8)


def reference(model: bytes) -> Tflm | ReferenceKernels | Exact:
    """The reference of an int8 .tflite. Raises GalagoError as the three classes do."""
    if not legacy.has_weight_zero_points(model):
        return Tflm(model) if tflm.available() else Exact(model)
    lite = _tensorflow_lite()
    return ReferenceKernels(model, lite) if lite else Exact(model)


def _tensorflow_lite() -> tuple[Any, Any] | None:
    """TensorFlow Lite's Interpreter and OpResolverType, if it is installed."""
    for name in ("ai_edge_litert.interpreter", "tensorflow.lite.python.interpreter"):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        return module.Interpreter, module.OpResolverType
    return None
