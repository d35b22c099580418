# SPDX-License-Identifier: MIT
"""What a .tflite consists of: the shapes and MACs of its layers, the quantization of its inputs and outputs.

for layer in summary.layers(data):
    print(layer.operator, layer.input, layer.output, layer.macs)
inputs, outputs = summary.ends(data)
inputs[0].scale, inputs[0].zero_point
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from galago.tflite import schema
from galago.tflite.schema import Operator, TensorT


@dataclass(frozen=True)
class LayerSummary:
    """One operator. Shapes are without the batch: (height, width, channels), or (channels,)."""

    operator: str
    """The name in TensorFlow Lite's schema, such as CONV_2D."""
    input: tuple[int, ...]
    output: tuple[int, ...]
    window: tuple[int, ...]
    """Height and width of a convolution's window, or ()."""
    macs: int
    """Multiply-accumulate operations of one inference; padding counts as work."""

    @property
    def kind(self) -> str:
        """The kind of layer in words; convolutions that cost differently have names of their own."""
        if self.operator == "CONV_2D":
            return "pointwise" if self.window == (1, 1) else "convolution"
        return self.operator.lower().removesuffix("_conv_2d").removesuffix("_2d").replace("_", " ")


@dataclass(frozen=True)
class End:
    """An input or output of a model with the first, or only, scale and zero point of its quantization."""

    shape: tuple[int, ...]
    scale: float
    zero_point: int


def layers(model: bytes) -> list[LayerSummary]:
    """A summary of each operator, in the order in which they run.

    Raises GalagoError model.malformed for bytes that are not a valid .tflite.
    """
    parsed = schema.parse(model)
    operators = schema.operators(parsed)
    with schema.malformed():
        tensors = parsed.subgraphs[0].tensors
        return [_layer(operator, tensors) for operator in operators]


def ends(model: bytes) -> tuple[list[End], list[End]]:
    """The inputs and the outputs of a quantized model.

    Raises GalagoError model.malformed for bytes that are not a valid .tflite, or for tensors without a scale.
    """
    parsed = schema.parse(model)
    with schema.malformed():
        graph = parsed.subgraphs[0]
        inputs, outputs = ([_end(graph.tensors[i]) for i in part] for part in (graph.inputs, graph.outputs))
        return inputs, outputs


def _layer(operator: Operator, tensors: Sequence[TensorT]) -> LayerSummary:
    shapes = [schema.shape(tensors[i]) for i in operator.inputs if i >= 0]
    output = schema.shape(tensors[operator.output])
    window: tuple[int, ...] = ()
    macs = 0
    if operator.kind == "CONV_2D":  # weights [out, height, width, in]
        window, macs = shapes[1][1:3], prod(output) * prod(shapes[1][1:])
    elif operator.kind == "DEPTHWISE_CONV_2D":  # weights [1, height, width, out]
        window, macs = shapes[1][1:3], prod(output) * prod(shapes[1][1:3])
    elif operator.kind == "FULLY_CONNECTED":  # weights [out, in]
        macs = prod(output[:-1]) * prod(shapes[1])
    return LayerSummary(operator.kind, shapes[0][1:], output[1:], window, macs)


def _end(tensor: TensorT) -> End:
    scales, zero_points = schema.quantization(tensor)
    return End(schema.shape(tensor), float(scales[0]), zero_points[0])
