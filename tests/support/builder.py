# SPDX-License-Identifier: MIT
"""Builds small full-int8 .tflite files operator by operator, for tests and the fuzzer.

    graph = Builder((1, 8, 8, 3), scale=1 / 128, zero=0)
    x = graph.conv(graph.input, weights, bias, scales, stride=2, out=(0.05, -128), activation=RELU)
    model = graph.finish(x)                     # the bytes of the file

Tensors are numbers. Weights are int8 arrays in TensorFlow Lite's layouts, biases int32; `out` is the output's
(scale, zero point). Nothing is checked: wrong graphs can be built too.
"""

from typing import Any

import flatbuffers
import numpy as np
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

NONE, RELU, RELU6 = 0, 1, 3
SAME, VALID = 0, 1
Out = tuple[float, int]


class Builder:
    """A graph in the making; `model` is the schema's object tree, open to any change before `finish`."""

    def __init__(self, shape: tuple[int, ...], scale: float = 1 / 128, zero: int = 0) -> None:
        self.graph: Any = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.model: Any = schema.ModelT()
        self.model.version = 3
        self.model.subgraphs = [self.graph]
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes = []
        self.input = self.tensor(shape, (scale, zero))

    def tensor(
        self,
        shape: tuple[int, ...],
        out: Out | None = None,
        data: np.ndarray | None = None,
        axis: int = 0,
        scales: Any = None,
    ) -> int:
        """Adds a tensor: computed, or stored if it has data; `scales` are per channel along `axis`."""
        tensor: Any = schema.TensorT()
        tensor.shape = list(shape)
        tensor.type = schema.TensorType.INT8
        tensor.name = f"t{len(self.graph.tensors)}"
        tensor.buffer = 0
        if data is not None:
            tensor.type = schema.TensorType.INT8 if data.dtype == np.int8 else schema.TensorType.INT32
            buffer: Any = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            tensor.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        tensor.quantization = schema.QuantizationParametersT()
        if scales is None and out is not None:
            scales, zeros = [out[0]], [out[1]]
        else:
            zeros = [0] * (0 if scales is None else len(scales))
        if scales is not None:
            tensor.quantization.scale = [float(s) for s in scales]
            tensor.quantization.zeroPoint = zeros
            tensor.quantization.quantizedDimension = axis
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def shape(self, tensor: int) -> tuple[int, ...]:
        """The shape a tensor was given."""
        return tuple(self.graph.tensors[tensor].shape)

    def out(self, tensor: int) -> Out:
        """The (scale, zero point) a tensor was given."""
        quantization = self.graph.tensors[tensor].quantization
        return quantization.scale[0], quantization.zeroPoint[0]

    def operator(
        self, code: int, version: int, inputs: list[int], output: int, kind: int = 0, options: Any = None
    ) -> int:
        """Adds an operator; gives its output back."""
        operator: Any = schema.OperatorT()
        operator.opcodeIndex = len(self.model.operatorCodes)
        name: Any = schema.OperatorCodeT()
        name.builtinCode, name.deprecatedBuiltinCode, name.version = code, min(code, 127), version
        self.model.operatorCodes.append(name)
        operator.inputs, operator.outputs = inputs, [output]
        operator.builtinOptionsType, operator.builtinOptions = kind, options
        self.graph.operators.append(operator)
        return output

    def _window(
        self, x: int, kernel: tuple[int, int], stride: tuple[int, int], padding: int
    ) -> tuple[int, int]:
        _, height, width, _ = self.shape(x)
        if padding == SAME:
            return -(-height // stride[0]), -(-width // stride[1])
        return (height - kernel[0]) // stride[0] + 1, (width - kernel[1]) // stride[1] + 1

    def conv(
        self,
        x: int,
        weights: np.ndarray,
        bias: np.ndarray | None,
        scales: Any,
        *,
        stride: tuple[int, int] = (1, 1),
        padding: int = SAME,
        activation: int = NONE,
        out: Out = (0.1, 0),
        dilation: int = 1,
    ) -> int:
        """CONV_2D; weights (out channels, height, width, in channels)."""
        options: Any = schema.Conv2DOptionsT()
        options.padding, options.fusedActivationFunction = padding, activation
        options.strideH, options.strideW = stride
        options.dilationHFactor = options.dilationWFactor = dilation
        height, width = self._window(x, weights.shape[1:3], stride, padding)
        y = self.tensor((1, height, width, weights.shape[0]), out)
        inputs = [
            x,
            self.tensor(weights.shape, data=weights, scales=scales, axis=0),
            self._bias(x, bias, scales),
        ]
        return self.operator(
            3, 3, inputs[: 2 + (bias is not None)], y, schema.BuiltinOptions.Conv2DOptions, options
        )

    def depthwise(
        self,
        x: int,
        weights: np.ndarray,
        bias: np.ndarray | None,
        scales: Any,
        *,
        stride: tuple[int, int] = (1, 1),
        padding: int = SAME,
        activation: int = NONE,
        out: Out = (0.1, 0),
        dilation: int = 1,
    ) -> int:
        """DEPTHWISE_CONV_2D; weights (1, height, width, out channels)."""
        options: Any = schema.DepthwiseConv2DOptionsT()
        options.padding, options.fusedActivationFunction = padding, activation
        options.strideH, options.strideW = stride
        options.dilationHFactor = options.dilationWFactor = dilation
        options.depthMultiplier = weights.shape[3] // self.shape(x)[3]
        height, width = self._window(x, weights.shape[1:3], stride, padding)
        y = self.tensor((1, height, width, weights.shape[3]), out)
        inputs = [
            x,
            self.tensor(weights.shape, data=weights, scales=scales, axis=3),
            self._bias(x, bias, scales),
        ]
        kind = schema.BuiltinOptions.DepthwiseConv2DOptions
        return self.operator(4, 3, inputs[: 2 + (bias is not None)], y, kind, options)

    def dense(
        self,
        x: int,
        weights: np.ndarray,
        bias: np.ndarray | None,
        scales: Any,
        *,
        activation: int = NONE,
        out: Out = (0.1, 0),
    ) -> int:
        """FULLY_CONNECTED; weights (out channels, in channels)."""
        options: Any = schema.FullyConnectedOptionsT()
        options.fusedActivationFunction = activation
        batch = int(np.prod(self.shape(x))) // weights.shape[1]
        y = self.tensor((batch, weights.shape[0]), out)
        inputs = [
            x,
            self.tensor(weights.shape, data=weights, scales=scales, axis=0),
            self._bias(x, bias, scales),
        ]
        kind = schema.BuiltinOptions.FullyConnectedOptions
        return self.operator(9, 4, inputs[: 2 + (bias is not None)], y, kind, options)

    def _bias(self, x: int, bias: np.ndarray | None, scales: Any) -> int:
        if bias is None:
            return -1
        return self.tensor(bias.shape, data=bias, scales=[s * self.out(x)[0] for s in scales])

    def add(self, x: int, y: int, *, activation: int = NONE, out: Out = (0.1, 0)) -> int:
        """ADD of two tensors of one shape."""
        options: Any = schema.AddOptionsT()
        options.fusedActivationFunction = activation
        return self.operator(
            0, 2, [x, y], self.tensor(self.shape(x), out), schema.BuiltinOptions.AddOptions, options
        )

    def average(
        self,
        x: int,
        kernel: tuple[int, int],
        *,
        stride: tuple[int, int] = (1, 1),
        padding: int = VALID,
        activation: int = NONE,
    ) -> int:
        """AVERAGE_POOL_2D, with the input's quantization."""
        options: Any = schema.Pool2DOptionsT()
        options.padding, options.fusedActivationFunction = padding, activation
        options.strideH, options.strideW = stride
        options.filterHeight, options.filterWidth = kernel
        height, width = self._window(x, kernel, stride, padding)
        y = self.tensor((1, height, width, self.shape(x)[3]), self.out(x))
        return self.operator(1, 2, [x], y, schema.BuiltinOptions.Pool2DOptions, options)

    def mean(self, x: int, *, axes: tuple[int, ...] = (1, 2), keep: bool = False, out: Out = (0.1, 0)) -> int:
        """MEAN over height and width."""
        options: Any = schema.ReducerOptionsT()
        options.keepDims = keep
        channels = self.shape(x)[3]
        y = self.tensor((1, 1, 1, channels) if keep else (1, channels), out)
        inputs = [x, self.tensor((len(axes),), data=np.array(axes, np.int32))]
        return self.operator(40, 2, inputs, y, schema.BuiltinOptions.ReducerOptions, options)

    def pad(self, x: int, pads: list[tuple[int, int]]) -> int:
        """PAD with the zero point; a pair for each dimension."""
        shape = tuple(n + a + b for n, (a, b) in zip(self.shape(x), pads, strict=True))
        inputs = [x, self.tensor((len(pads), 2), data=np.array(pads, np.int32))]
        y = self.tensor(shape, self.out(x))
        return self.operator(34, 2, inputs, y, schema.BuiltinOptions.PadOptions, schema.PadOptionsT())

    def reshape(self, x: int, shape: tuple[int, ...]) -> int:
        """RESHAPE."""
        options: Any = schema.ReshapeOptionsT()
        options.newShape = list(shape)
        inputs = [x, self.tensor((len(shape),), data=np.array(shape, np.int32))]
        y = self.tensor(shape, self.out(x))
        return self.operator(22, 1, inputs, y, schema.BuiltinOptions.ReshapeOptions, options)

    def softmax(self, x: int, *, beta: float = 1.0) -> int:
        """SOFTMAX over the last dimension."""
        options: Any = schema.SoftmaxOptionsT()
        options.beta = beta
        y = self.tensor(self.shape(x), (1 / 256, -128))
        return self.operator(25, 2, [x], y, schema.BuiltinOptions.SoftmaxOptions, options)

    def finish(self, output: int) -> bytes:
        """The file."""
        self.graph.inputs, self.graph.outputs = [self.input], [output]
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())
