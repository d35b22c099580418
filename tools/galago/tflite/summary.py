# SPDX-License-Identifier: MIT
"""A .tflite's operators as the host sees them: shapes and multiplications, layer by layer.

for layer in layers(model_bytes):
    print(layer.operator, layer.input, layer.output, layer.macs)
"""

from dataclasses import dataclass
from math import prod
from typing import Any

from galago.errors import GalagoError


@dataclass(frozen=True)
class Layer:
    """One operator. Shapes are without the batch: (height, width, channels), or (channels,)."""

    operator: str  # as TensorFlow Lite names it
    input: tuple[int, ...]
    output: tuple[int, ...]
    window: tuple[int, ...]  # height and width of a convolution's window, else ()
    macs: int  # multiply-accumulates, padding counted as work

    @property
    def kind(self) -> str:
        """In words, with the sorts of convolution that cost differently told apart."""
        if self.operator == "CONV_2D":
            return "pointwise" if self.window == (1, 1) else "convolution"
        return self.operator.lower().removesuffix("_conv_2d").removesuffix("_2d").replace("_", " ")


def layers(model: bytes) -> list[Layer]:
    """All operators in the order they run.

    Raises GalagoError("model.malformed") for bytes that are no model.
    """
    import struct

    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    try:
        parsed: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
        graph = parsed.subgraphs[0]
        codes = [names[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in parsed.operatorCodes]
        return [_layer(codes[operator.opcodeIndex], operator, graph.tensors) for operator in graph.operators]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, struct.error) as error:
        raise GalagoError(
            "model.malformed", f"not a TensorFlow Lite model ({error}): copy it again"
        ) from error


def _layer(name: str, operator: Any, tensors: list[Any]) -> Layer:
    shapes = [tuple(int(n) for n in tensors[i].shape) for i in operator.inputs if i >= 0]
    output = tuple(int(n) for n in tensors[operator.outputs[0]].shape)
    window: tuple[int, ...] = ()
    macs = 0
    if name == "CONV_2D":  # weights [out, height, width, in]
        window, macs = shapes[1][1:3], prod(output) * prod(shapes[1][1:])
    elif name == "DEPTHWISE_CONV_2D":  # weights [1, height, width, out]
        window, macs = shapes[1][1:3], prod(output) * prod(shapes[1][1:3])
    elif name == "FULLY_CONNECTED":  # weights [out, in]
        macs = prod(output[:-1]) * prod(shapes[1])
    return Layer(name, shapes[0][1:], output[1:], window, macs)
