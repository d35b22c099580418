# SPDX-License-Identifier: MIT
"""Builds full-int8 .tflite files, operator by operator.

    graph = ShapeBuilder((1, 96, 96, 3))                # layers by their shapes, all weights zero
    x = graph.conv(graph.input, channels=8, window=3, stride=2)
    data = graph.finish(graph.softmax(graph.dense(graph.mean(x), 10)))

GraphBuilder adds any tensor and operator. Nothing is checked: it can build wrong graphs too, for tests.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from galago.tflite import schema
from galago.tflite.schema import ModelT, SubGraphT, TensorT

NONE, RELU, RELU6 = 0, 1, 3
"""Fused activation functions."""
SAME, VALID = 0, 1
"""Padding."""
_PICTURE = (1 / 128, 0)
"""Scale and zero point of int8 = pixel - 128."""
_PROBABILITIES = (1 / 256, -128)


class GraphBuilder:
    """A graph under construction. Tensors are indexes; `model` is open to any change before `finish`."""

    def __init__(self) -> None:
        self.graph: SubGraphT = schema.new("SubGraphT")
        self.graph.tensors, self.graph.operators = [], []
        self.model: ModelT = schema.new("ModelT")
        self.model.version, self.model.subgraphs = 3, [self.graph]
        self.model.buffers, self.model.operatorCodes = [schema.new("BufferT")], []

    def tensor(
        self,
        name: str,
        shape: Sequence[int],
        scales: Sequence[float] = (),
        zero_point: int = 0,
        data: NDArray[np.int8 | np.int32] | None = None,
        axis: int = 0,
    ) -> int:
        """Adds a tensor, which is constant if it has `data`, and returns its index.

        `scales` are one, or one for each index along `axis`; without any, the tensor is not quantized.
        """
        tensor: TensorT = schema.new("TensorT")
        tensor.shape, tensor.name, tensor.buffer = list(shape), name, 0
        tensor.type = schema.constant("TensorType", "INT8")
        if data is not None:
            if data.dtype != np.int8:
                tensor.type = schema.constant("TensorType", "INT32")
            buffer: schema.BufferT = schema.new("BufferT")
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            tensor.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        tensor.quantization = parameters = schema.new("QuantizationParametersT")
        if len(scales):
            parameters.scale = [float(scale) for scale in scales]
            parameters.zeroPoint = np.full(len(scales), zero_point, np.int64)
            parameters.quantizedDimension = axis
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operator(
        self, kind: str, inputs: Sequence[int], output: int, options: Any = None, version: int = 1
    ) -> int:
        """Adds an operator, such as CONV_2D, with one of the schema's options objects. Returns its output."""
        code: schema.OperatorCodeT = schema.new("OperatorCodeT")
        number = schema.constant("BuiltinOperator", kind)
        code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), version
        operator: schema.OperatorT = schema.new("OperatorT")
        operator.opcodeIndex = len(self.model.operatorCodes)
        self.model.operatorCodes.append(code)
        operator.inputs, operator.outputs = list(inputs), [output]
        if options is not None:
            name = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType = schema.constant("BuiltinOptions", name)
            operator.builtinOptions = options
        self.graph.operators.append(operator)
        return output

    def shape(self, tensor: int) -> tuple[int, ...]:
        """The shape of a tensor."""
        return schema.shape(self.graph.tensors[tensor])

    def pack(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        """The .tflite with these input and output tensors."""
        self.graph.inputs, self.graph.outputs = list(inputs), list(outputs)
        return schema.pack(self.model)


def convolution_options(
    kind: str,
    stride: tuple[int, int],
    padding: int = SAME,
    activation: int = NONE,
    dilation: int = 1,
) -> Any:
    """Options of CONV_2D or DEPTHWISE_CONV_2D; `stride` is (height, width)."""
    options = schema.new("Conv2DOptionsT" if kind == "CONV_2D" else "DepthwiseConv2DOptionsT")
    options.padding, options.fusedActivationFunction = padding, activation
    options.strideH, options.strideW = stride
    options.dilationHFactor = options.dilationWFactor = dilation
    return options


class ShapeBuilder(GraphBuilder):
    """A graph of layers by their shapes, with weights of zero and arbitrary scales, to plan but not to run.

    `name` is the name of every tensor: names are a good part of a small file.
    """

    def __init__(self, shape: Sequence[int], name: str = "") -> None:
        super().__init__()
        self._name = name
        self.input = self._computed(shape)

    def conv(self, source: int, channels: int, window: int, stride: int, relu6: bool = True) -> int:
        """CONV_2D with a square window and padding SAME."""
        shape = (channels, window, window, self.shape(source)[3])
        return self._convolution("CONV_2D", source, shape, channels, stride, relu6)

    def depthwise(self, source: int, window: int, stride: int, relu6: bool = True) -> int:
        """DEPTHWISE_CONV_2D with a square window and padding SAME."""
        channels = self.shape(source)[3]
        shape = (1, window, window, channels)
        return self._convolution("DEPTHWISE_CONV_2D", source, shape, channels, stride, relu6)

    def _convolution(
        self, kind: str, source: int, weights: Sequence[int], channels: int, stride: int, relu6: bool
    ) -> int:
        _, height, width, _ = self.shape(source)
        options = convolution_options(kind, (stride, stride), SAME, RELU6 if relu6 else NONE)
        if kind == "DEPTHWISE_CONV_2D":
            options.depthMultiplier = 1
        output = self._computed((1, -(-height // stride), -(-width // stride), channels))
        constants = self._weights(weights, channels, axis=0 if kind == "CONV_2D" else 3)
        return self.operator(kind, [source, *constants], output, options)

    def dense(self, source: int, channels: int, relu6: bool = False) -> int:
        """FULLY_CONNECTED."""
        options = schema.new("FullyConnectedOptionsT")
        options.fusedActivationFunction = RELU6 if relu6 else NONE
        constants = self._weights((channels, self.shape(source)[1]), channels, axis=0)
        return self.operator("FULLY_CONNECTED", [source, *constants], self._computed((1, channels)), options)

    def add(self, one: int, other: int) -> int:
        """ADD of two tensors of one shape."""
        output = self._computed(self.shape(one))
        return self.operator("ADD", [one, other], output, schema.new("AddOptionsT"))

    def mean(self, source: int) -> int:
        """MEAN over height and width."""
        axes = self.tensor(self._name, (2,), data=np.array([1, 2], np.int32))
        output = self._computed((1, self.shape(source)[3]))
        return self.operator("MEAN", [source, axes], output, schema.new("ReducerOptionsT"))

    def softmax(self, source: int) -> int:
        """SOFTMAX."""
        options = schema.new("SoftmaxOptionsT")
        options.beta = 1.0
        scale, zero_point = _PROBABILITIES
        output = self.tensor(self._name, self.shape(source), [scale], zero_point)
        return self.operator("SOFTMAX", [source], output, options)

    def finish(self, output: int) -> bytes:
        """The .tflite with this output."""
        return self.pack([self.input], [output])

    def _computed(self, shape: Sequence[int]) -> int:
        return self.tensor(self._name, shape, [_PICTURE[0]], _PICTURE[1])

    def _weights(self, shape: Sequence[int], channels: int, axis: int) -> list[int]:
        scales = [_PICTURE[0]] * channels
        return [
            self.tensor(self._name, shape, scales, data=np.zeros(shape, np.int8), axis=axis),
            self.tensor(self._name, (channels,), scales, data=np.zeros(channels, np.int32)),
        ]
