# SPDX-License-Identifier: MIT
"""MobileNets by formula: what any width and size would need, without training one.

    variant = Variant("mobilenet_v1", alpha=0.25, size=96, outputs=(22,))
    variant.tflite()        # a .tflite with the shapes of the real one, its weights zero

Layers are those of the papers (Howard et al. 2017, table 1; Sandler et al. 2018, table 2), with the channels
of keras.applications and the padding of `galago train`: "same", so that no PAD is left. A convolution
from c to d channels, with a window of k x k and h x w outputs, has k*k*c*d weights of one byte (k*k*d if it
is depthwise), 28 bytes more per output channel, and multiplies h*w times as often as it has weights.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

ALPHAS = {
    "mobilenet_v1": (0.25, 0.5, 0.75, 1.0),
    "mobilenet_v2": (0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
}
"""Widths that keras.applications has ImageNet weights for."""
SIZES = (48, 64, 80, 96, 112, 128, 160, 192, 224)

_V1 = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *5 * ((512, 1),), (1024, 2), (1024, 1))
_V2 = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_PER_CHANNEL = 28  # bytes: a bias of 4, and scale (4) and zero point (8) of the weights and of the bias
_NAME = "x" * 150  # TensorFlow's converter gives names of 75 (V2) to 210 (V1) letters on average


class _Step(NamedTuple):
    """A convolution: of kind conv or depthwise; `shortcut` adds the output of the step that many before."""

    kind: str
    channels: int
    window: int
    stride: int
    relu6: bool = True
    shortcut: int = 0


@dataclass(frozen=True)
class Variant:
    """A MobileNet: `alpha` its width, `size` its square input's, `outputs` its dense layers, classes last."""

    architecture: str
    alpha: float
    size: int
    outputs: tuple[int, ...]
    channels: int = 3

    @property
    def name(self) -> str:
        """As a person would write it."""
        return f"MobileNet {self.architecture[-2:].upper()} {self.alpha:g}@{self.size}"

    @property
    def macs(self) -> int:
        """Multiplications of one inference."""
        return self._totals()[0]

    @property
    def weights(self) -> int:
        """Bytes of weights, biases and their scales: what of the file grows with the width."""
        return self._totals()[1]

    def _totals(self) -> tuple[int, int]:
        macs = weights = 0
        side, channels = self.size, self.channels
        for step in self._steps():
            side = -(-side // step.stride)
            sources = channels if step.kind == "conv" else 1
            channels = step.channels or channels
            taps = step.window**2 * sources * channels
            macs, weights = macs + side**2 * taps, weights + taps + _PER_CHANNEL * channels
        for count in self.outputs:
            macs, weights = macs + channels * count, weights + (channels + _PER_CHANNEL) * count
            channels = count
        return macs, weights

    def _steps(self) -> list[_Step]:
        return _steps_v1(self.alpha) if self.architecture == "mobilenet_v1" else _steps_v2(self.alpha)

    def tflite(self) -> bytes:
        """A full-int8 .tflite of this shape, all its weights zero."""
        graph = _Graph((1, self.size, self.size, self.channels))
        made = [graph.input]
        for step in self._steps():
            output = graph.convolution(made[-1], step)
            made.append(graph.add(output, made[-step.shortcut]) if step.shortcut else output)
        output = graph.mean(made[-1])
        for position, count in enumerate(self.outputs):
            output = graph.dense(output, count, relu6=position < len(self.outputs) - 1)
        return graph.finish(graph.softmax(output))


def _steps_v1(alpha: float) -> list[_Step]:
    # keras.applications.MobileNet truncates, where V2 rounds to multiples of 8.
    steps = [_Step("conv", int(32 * alpha), 3, 2)]
    for channels, stride in _V1:
        steps += [_Step("depthwise", 0, 3, stride), _Step("conv", int(channels * alpha), 1, 1)]
    return steps


def _steps_v2(alpha: float) -> list[_Step]:
    before = _to_eights(32 * alpha)
    steps = [_Step("conv", before, 3, 2)]
    for expansion, channels, repeats, first_stride in _V2:
        after = _to_eights(channels * alpha)
        for block in range(repeats):
            stride = first_stride if block == 0 else 1
            if expansion > 1:
                steps.append(_Step("conv", expansion * before, 1, 1))
            steps.append(_Step("depthwise", 0, 3, stride))
            shortcut = 3 if stride == 1 and before == after and expansion > 1 else 0
            steps.append(_Step("conv", after, 1, 1, relu6=False, shortcut=shortcut))
            before = after
    return [*steps, _Step("conv", _to_eights(1280 * max(alpha, 1)), 1, 1)]


def _to_eights(channels: float) -> int:
    """The nearest multiple of 8 that is at least 8 and not more than 10 % below (keras: _make_divisible)."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


class _Graph:
    """A .tflite in the making. Scales are of no matter, only their number: nothing of this is ever run."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

        self._schema: Any = schema
        self._model: Any = schema.ModelT()
        self._graph: Any = schema.SubGraphT()
        self._model.version, self._model.subgraphs, self._model.buffers = 3, [self._graph], [schema.BufferT()]
        self._model.operatorCodes, self._graph.tensors, self._graph.operators = [], [], []
        self.input = self._tensor(shape, 1)

    def convolution(self, source: int, step: _Step) -> int:
        _, height, width, channels = self._shape(source)
        options = self._schema.Conv2DOptionsT()
        count, window = step.channels, (step.channels, step.window, step.window, channels)
        if step.kind == "depthwise":
            options = self._schema.DepthwiseConv2DOptionsT()
            options.depthMultiplier = 1
            count, window = channels, (1, step.window, step.window, channels)
        options.strideH = options.strideW = step.stride
        options.dilationHFactor = options.dilationWFactor = 1
        options.fusedActivationFunction = 3 if step.relu6 else 0
        output = self._tensor((1, -(-height // step.stride), -(-width // step.stride), count), 1)
        name = "CONV_2D" if step.kind == "conv" else "DEPTHWISE_CONV_2D"
        weights = self._weights(window, count, 0 if step.kind == "conv" else 3)
        return self._operator(name, [source, *weights], output, options)

    def dense(self, source: int, count: int, relu6: bool) -> int:
        options = self._schema.FullyConnectedOptionsT()
        options.fusedActivationFunction = 3 if relu6 else 0
        weights = self._weights((count, self._shape(source)[1]), count, 0)
        return self._operator("FULLY_CONNECTED", [source, *weights], self._tensor((1, count), 1), options)

    def add(self, one: int, other: int) -> int:
        return self._operator(
            "ADD", [other, one], self._tensor(self._shape(one), 1), self._schema.AddOptionsT()
        )

    def mean(self, source: int) -> int:
        axes = self._tensor((2,), 0, np.array([1, 2], np.int32))
        output = self._tensor((1, self._shape(source)[3]), 1)
        return self._operator("MEAN", [source, axes], output, self._schema.ReducerOptionsT())

    def softmax(self, source: int) -> int:
        options = self._schema.SoftmaxOptionsT()
        options.beta = 1.0
        return self._operator("SOFTMAX", [source], self._tensor(self._shape(source), 1, output=True), options)

    def finish(self, output: int) -> bytes:
        import flatbuffers

        self._graph.inputs, self._graph.outputs = [self.input], [output]
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(self._model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _shape(self, tensor: int) -> tuple[int, ...]:
        return tuple(self._graph.tensors[tensor].shape)

    def _weights(self, shape: tuple[int, ...], count: int, axis: int) -> list[int]:
        return [
            self._tensor(shape, count, np.zeros(shape, np.int8), axis),
            self._tensor((count,), count, np.zeros(count, np.int32)),
        ]

    def _tensor(
        self,
        shape: tuple[int, ...],
        scales: int,
        data: np.ndarray | None = None,
        axis: int = 0,
        output: bool = False,
    ) -> int:
        tensor = self._schema.TensorT()
        tensor.shape, tensor.name, tensor.buffer = list(shape), _NAME, 0
        tensor.type = self._schema.TensorType.INT8
        if data is not None:
            if data.dtype == np.int32:
                tensor.type = self._schema.TensorType.INT32
            buffer = self._schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            tensor.buffer = len(self._model.buffers)
            self._model.buffers.append(buffer)
        tensor.quantization = self._schema.QuantizationParametersT()
        if scales:
            tensor.quantization.scale = np.full(scales, 1 / 256 if output else 1 / 128, np.float32)
            tensor.quantization.zeroPoint = np.full(scales, -128 if output else 0, np.int64)
            tensor.quantization.quantizedDimension = axis
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def _operator(self, name: str, inputs: list[int], output: int, options: Any) -> int:
        code = getattr(self._schema.BuiltinOperator, name)
        entry = self._schema.OperatorCodeT()
        entry.builtinCode = entry.deprecatedBuiltinCode = code
        operator = self._schema.OperatorT()
        operator.opcodeIndex = len(self._model.operatorCodes)
        self._model.operatorCodes.append(entry)
        operator.inputs, operator.outputs = inputs, [output]
        kind = type(options).__name__.removesuffix("T")
        operator.builtinOptionsType, operator.builtinOptions = (
            getattr(self._schema.BuiltinOptions, kind),
            options,
        )
        self._graph.operators.append(operator)
        return output
