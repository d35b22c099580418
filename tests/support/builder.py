# SPDX-License-Identifier: MIT
"""Builds small full-int8 .tflite files operator by operator, for tests and the fuzzer.

    graph = Builder((1, 8, 8, 3), scale=1 / 128, zero=0)
    x = graph.conv(graph.input, weights, bias, scales, stride=(2, 2), out=(0.05, -128), activation=RELU)
    model = graph.finish(x)                     # the bytes of the file

Tensors are indexes. Weights are int8 arrays in TensorFlow Lite's layouts, biases int32; `out` is the output's
(scale, zero point). Nothing is checked: wrong graphs can be built too.
"""

from typing import Any

import numpy as np

from galago.tflite import schema
from galago.tflite.build import NONE, RELU, RELU6, SAME, VALID, GraphBuilder, convolution_options

__all__ = ("NONE", "RELU", "RELU6", "SAME", "VALID", "Builder", "Out")

Out = tuple[float, int]


class Builder(GraphBuilder):
    """A graph under construction; `model` is the schema's object tree, open to any change before `finish`."""

    def __init__(self, shape: tuple[int, ...], scale: float = 1 / 128, zero: int = 0) -> None:
        super().__init__()
        self.input = self.computed(shape, (scale, zero))

    def computed(self, shape: tuple[int, ...], out: Out) -> int:
        """Adds a tensor that an operator computes."""
        return self.tensor(self._name(), shape, [out[0]], out[1])

    def constant(self, data: np.ndarray, scales: Any = (), axis: int = 0) -> int:
        """Adds a tensor with data; `scales` are per channel along `axis`."""
        return self.tensor(self._name(), data.shape, scales, data=data, axis=axis)

    def out(self, tensor: int) -> Out:
        """The (scale, zero point) of a tensor."""
        scales, zero_points = schema.quantization(self.graph.tensors[tensor])
        return float(scales[0]), zero_points[0]

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
        options = convolution_options("CONV_2D", stride, padding, activation, dilation)
        height, width = self._window(x, weights.shape[1:3], stride, padding, dilation)
        y = self.computed((1, height, width, weights.shape[0]), out)
        return self.operator("CONV_2D", self._inputs(x, weights, bias, scales, axis=0), y, options, version=3)

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
        options = convolution_options("DEPTHWISE_CONV_2D", stride, padding, activation, dilation)
        options.depthMultiplier = weights.shape[3] // self.shape(x)[3]
        height, width = self._window(x, weights.shape[1:3], stride, padding, dilation)
        y = self.computed((1, height, width, weights.shape[3]), out)
        inputs = self._inputs(x, weights, bias, scales, axis=3)
        return self.operator("DEPTHWISE_CONV_2D", inputs, y, options, version=3)

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
        options = schema.new("FullyConnectedOptionsT")
        options.fusedActivationFunction = activation
        batch = int(np.prod(self.shape(x))) // weights.shape[1]
        y = self.computed((batch, weights.shape[0]), out)
        inputs = self._inputs(x, weights, bias, scales, axis=0)
        return self.operator("FULLY_CONNECTED", inputs, y, options, version=4)

    def add(self, x: int, y: int, *, activation: int = NONE, out: Out = (0.1, 0)) -> int:
        """ADD of two tensors of one shape."""
        options = schema.new("AddOptionsT")
        options.fusedActivationFunction = activation
        return self.operator("ADD", [x, y], self.computed(self.shape(x), out), options, version=2)

    def average(self, x: int, kernel: tuple[int, int], **options: Any) -> int:
        """AVERAGE_POOL_2D; the options are those of `pool`."""
        return self.pool(x, kernel, **options)

    def pool(
        self,
        x: int,
        kernel: tuple[int, int],
        *,
        kind: str = "AVERAGE_POOL_2D",
        stride: tuple[int, int] = (1, 1),
        padding: int = VALID,
        activation: int = NONE,
    ) -> int:
        """AVERAGE_POOL_2D or MAX_POOL_2D, with the input's quantization."""
        options = schema.new("Pool2DOptionsT")
        options.padding, options.fusedActivationFunction = padding, activation
        options.strideH, options.strideW = stride
        options.filterHeight, options.filterWidth = kernel
        height, width = self._window(x, kernel, stride, padding)
        y = self.computed((1, height, width, self.shape(x)[3]), self.out(x))
        return self.operator(kind, [x], y, options, version=2)

    def mean(self, x: int, *, axes: tuple[int, ...] = (1, 2), keep: bool = False, out: Out = (0.1, 0)) -> int:
        """MEAN over height and width."""
        options = schema.new("ReducerOptionsT")
        options.keepDims = keep
        channels = self.shape(x)[3]
        y = self.computed((1, 1, 1, channels) if keep else (1, channels), out)
        return self.operator("MEAN", [x, self.constant(np.array(axes, np.int32))], y, options, version=2)

    def pad(self, x: int, pads: list[tuple[int, int]]) -> int:
        """PAD with the zero point; a pair for each dimension."""
        shape = tuple(n + a + b for n, (a, b) in zip(self.shape(x), pads, strict=True))
        amounts = self.constant(np.array(pads, np.int32))
        y = self.computed(shape, self.out(x))
        return self.operator("PAD", [x, amounts], y, schema.new("PadOptionsT"), version=2)

    def reshape(self, x: int, shape: tuple[int, ...]) -> int:
        """RESHAPE."""
        options = schema.new("ReshapeOptionsT")
        options.newShape = list(shape)
        dimensions = self.constant(np.array(shape, np.int32))
        return self.operator("RESHAPE", [x, dimensions], self.computed(shape, self.out(x)), options)

    def softmax(self, x: int, *, beta: float = 1.0) -> int:
        """SOFTMAX over the last dimension."""
        options = schema.new("SoftmaxOptionsT")
        options.beta = beta
        y = self.computed(self.shape(x), (1 / 256, -128))
        return self.operator("SOFTMAX", [x], y, options, version=2)

    def finish(self, output: int) -> bytes:
        """The file."""
        return self.pack([self.input], [output])

    def _name(self) -> str:
        return f"t{len(self.graph.tensors)}"

    def _window(
        self, x: int, kernel: tuple[int, ...], stride: tuple[int, int], padding: int, dilation: int = 1
    ) -> tuple[int, int]:
        _, height, width, _ = self.shape(x)
        kernel = tuple((n - 1) * dilation + 1 for n in kernel)
        if padding == SAME:
            return -(-height // stride[0]), -(-width // stride[1])
        return (height - kernel[0]) // stride[0] + 1, (width - kernel[1]) // stride[1] + 1

    def _inputs(
        self, x: int, weights: np.ndarray, bias: np.ndarray | None, scales: Any, axis: int
    ) -> list[int]:
        """The inputs of an operator with weights."""
        inputs = [x, self.constant(weights, scales, axis)]
        if bias is not None:
            inputs.append(self.constant(bias, [s * self.out(x)[0] for s in scales]))
        return inputs
