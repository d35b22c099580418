# SPDX-License-Identifier: MIT
"""Lowers the end of a classifier: global pooling, dense layers, softmax.

    head = ClassifierHead(graph, extractor, processor="kpu")
    head.pool(operator); head.dense(operator); head.softmax(operator)     # in any order and number
    head.dense_at_positions(operator)           # instead of the pooling
    head.finish(operator)                       # layers are appended to extractor.layers

The CPU pools in float and rounds the means to uint8 as TFLite does. On the KPU a dense layer is a 1x1
convolution of a 4x4 map of which one pixel counts. If there are more inputs than a KPU layer has channels,
each channel holds nine of them as 3x3 pixels, and the kernel is 3x3. On the CPU dense layers are float, with
four bytes per weight in the file.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from galago.targets.k210 import cpu_layers, kpu_ram
from galago.targets.k210.layer import KmodelLayer
from galago.targets.k210.lowering.convolution import (
    INT8_OFFSET,
    MAX_CHANNELS,
    QuantizedKernel,
    build_conv,
    check_weight_loads,
    unsupported,
)
from galago.targets.k210.lowering.feature_extractor import MIN_SIZE, FeatureExtractor
from galago.targets.k210.lowering.positions import position_vectors
from galago.targets.k210.memory_plan import Buffer, Location, LoweredLayer
from galago.tflite.graph import Graph, Operator, Tensor

Processor = Literal["kpu", "cpu"]
TAPS = 9  # of a 3x3 kernel
_MAP_SIZE = (MIN_SIZE, MIN_SIZE)  # of the map around a vector's one pixel
_MAP_PIXELS = MIN_SIZE * MIN_SIZE
_NUDGE = 2.0**-12  # output steps: more than float32 loses in a mean, less than the distance of means


@dataclass
class _KpuVector:
    """The output of a dense layer on the KPU: one pixel in each of its 4x4 maps."""

    location: Location
    layer: LoweredLayer
    pixel: int  # its index in the map
    zero_point: int  # uint8
    positions: int = 1  # whose vectors follow each other, each from a new line of KPU RAM on


class ClassifierHead:
    """Raises GalagoError model.operator, with the layer's name, for unsupported operators."""

    def __init__(self, graph: Graph, extractor: FeatureExtractor, processor: Processor) -> None:
        self.graph = graph
        self.extractor = extractor
        self.processor = processor
        self.tensor = -1  # the last one; its value is in one of the following
        self._floats: Location | None = None  # main RAM, float32
        self._bytes: Location | None = None  # main RAM, uint8
        self._kpu_vector: _KpuVector | None = None
        self._reshaped: dict[int, int] = {}  # tensor → the feature map that it is another shape of

    def pool(self, operator: Operator) -> None:
        """Lowers MEAN or AVERAGE_POOL_2D over the whole map."""
        x = self.extractor.maps.get(operator.inputs[0])
        source, output = (self.graph.tensors[i] for i in (operator.inputs[0], operator.output))
        if x is None or x.strided or not self._is_global(operator):
            raise unsupported(
                operator, "is not a global pooling of the last map", "use GlobalAveragePooling2D"
            )
        size, channels = x.valid[0] * x.valid[1], x.channels
        count = size * channels
        pixels = self.extractor.to_main(x)
        # For the KPU the pool computes in output steps: integers, whose sums are exact in float32.
        scale = 1.0 if self.processor == "kpu" else source.scale
        dequantize = cpu_layers.Dequantize(count=count, scale=scale, bias=-x.zero_point * scale)
        floats = self._append(operator, dequantize, pixels, 4 * count)
        means = cpu_layers.GlobalAveragePool(size=size, channels=channels)
        self._floats = self._append(operator, means, floats, 4 * channels)
        if self.processor == "kpu":
            step = output.scale / source.scale
            self._quantize(operator, self._floats, output, step, self._rounds_early(operator, size))
        self.tensor = operator.output

    def reshape_map(self, operator: Operator) -> None:
        """Lowers a RESHAPE of a feature map, which a dense layer at each position may follow."""
        self._reshaped[operator.output] = self._reshaped.get(operator.inputs[0], operator.inputs[0])

    def dense_at_positions(self, operator: Operator) -> None:
        """Lowers FULLY_CONNECTED at each position of a map: a dense layer for each, with the same weights."""
        tensor = operator.inputs[0]
        x = self.extractor.maps.get(self._reshaped.get(tensor, tensor))
        kernel = QuantizedKernel.of(self.graph, operator)
        outputs, inputs = kernel.weights.shape[:2]
        if x is None or x.strided or inputs != x.channels:
            raise unsupported(
                operator, "reads a map that was not pooled", "use GlobalAveragePooling2D before it"
            )
        if self.processor == "cpu":
            raise unsupported(operator, "is a dense layer at each position", "compile with --head kpu")
        vectors = position_vectors(self.extractor, x, str(operator))
        lines = kpu_ram.lines(outputs, *_MAP_SIZE)
        target = Buffer("kpu", lines * len(vectors))
        for number, vector in enumerate(vectors):
            self._first_dense(operator, kernel, vector, Location(target, lines * number))
        assert self._kpu_vector
        self._kpu_vector = replace(self._kpu_vector, location=Location(target), positions=len(vectors))
        self.tensor = operator.output

    def dense(self, operator: Operator) -> None:
        """Lowers FULLY_CONNECTED, or CONV_2D of one pixel."""
        kernel, source = QuantizedKernel.of(self.graph, operator), self.graph.tensors[self.tensor]
        if kernel.weights.shape[1] != source.size:
            raise unsupported(
                operator, f"has {kernel.weights.shape[1]} inputs of {source.size}", "use Flatten before it"
            )
        if self._floats and self.processor == "cpu":
            self._floats = self._dense_on_cpu(operator, kernel, self._floats)
        else:
            if self._floats:  # probabilities that another layer reads
                self._quantize(operator, self._floats, source, source.scale, 0)
            if self._bytes:
                self._first_dense(operator, kernel, self._bytes)
            elif vector := self._kpu_vector:
                kernel = _for_positions(kernel, vector.positions)
                zero_point = source.zero_point + INT8_OFFSET
                self._convolve(operator, kernel, vector.location, zero_point, vector.pixel)
        self.tensor = operator.output

    def softmax(self, operator: Operator) -> None:
        """Lowers SOFTMAX of a dense layer's output."""
        if operator.options is None or operator.options.beta != 1:
            raise unsupported(operator, "has a beta other than 1", "use 1")
        floats, classes = self._as_floats(operator), self._classes()
        self._floats = self._append(operator, cpu_layers.Softmax(channels=classes), floats, 4 * classes)
        self.tensor = operator.output

    def finish(self, operator: Operator) -> tuple[Location, int]:
        """Returns where the result is, float32 in main RAM, and the number of classes."""
        return self._as_floats(operator), self._classes()

    def _classes(self) -> int:
        return int(np.prod(self.graph.tensors[self.tensor].shape))

    def _quantize(
        self, operator: Operator, floats: Location, tensor: Tensor, step: float, early: float
    ) -> None:
        """Quantizes floats to the uint8 of a tensor whose step is `step`.

        Rounds up from `early` steps below a half on.
        """
        bias = -(tensor.zero_point + INT8_OFFSET + early) * step
        layer = cpu_layers.Quantize(count=tensor.shape[-1], scale=step, bias=bias)
        self._bytes, self._floats = self._append(operator, layer, floats, tensor.shape[-1]), None

    def _as_floats(self, operator: Operator) -> Location:
        """Returns where the last value is as float32 in main RAM."""
        if self._floats:
            return self._floats
        if not self._kpu_vector or self._kpu_vector.positions > 1:
            raise unsupported(operator, "has no dense layer of all inputs before it", "add one")
        classes, scale = self._classes(), self.graph.tensors[self.tensor].scale
        kpu_vector, self._kpu_vector = self._kpu_vector, None
        maps = Location(Buffer("main", _MAP_PIXELS * (classes + 1)))  # RemovePadding reads from `pixel` on
        kpu_vector.layer.layer.flags = 1
        kpu_vector.layer.locations["output"] = maps
        first = Location(maps.buffer, kpu_vector.pixel)
        vector = self._append(operator, cpu_layers.RemovePadding(channels=classes), first, classes)
        bias = -kpu_vector.zero_point * scale
        layer = cpu_layers.Dequantize(count=classes, scale=scale, bias=bias)
        return self._append(operator, layer, vector, 4 * classes)

    def _first_dense(
        self, operator: Operator, kernel: QuantizedKernel, vector: Location, target: Location | None = None
    ) -> None:
        """Lowers a dense layer whose inputs come from main RAM."""
        zero_point = self.graph.tensors[operator.inputs[0]].zero_point + INT8_OFFSET
        outputs, inputs = kernel.weights.shape[:2]
        if inputs <= MAX_CHANNELS:
            line = Location(Buffer("kpu", kpu_ram.lines(inputs, *_MAP_SIZE)))
            layer, locations = cpu_layers.AddPadding(channels=inputs), {"input": vector, "line": line}
            self.extractor.layers.append(LoweredLayer(layer, locations, str(operator)))
            self._convolve(operator, kernel, line, zero_point, 0, target)
            return
        channels = -(-inputs // TAPS)
        missing = channels * TAPS - inputs  # weights of 0 for whatever is read there
        vector.buffer.size = max(vector.buffer.size, vector.offset + channels * TAPS)
        weights = np.pad(
            kernel.weights[:, :, 0, 0], ((0, 0), (0, missing)), constant_values=kernel.weights_zero
        )
        kernel = replace(kernel, weights=weights.reshape(outputs, channels, 3, 3))
        line = self.extractor.upload_3x3(vector, channels)
        self._convolve(operator, kernel, line, zero_point, _MAP_SIZE[1] + 1, target)

    def _convolve(
        self,
        operator: Operator,
        kernel: QuantizedKernel,
        source: Location,
        zero_point: int,
        pixel: int,
        target: Location | None = None,
    ) -> None:
        """Appends the dense layer as a convolution of 4x4 maps of which `pixel` counts."""
        if max(kernel.weights.shape[:2]) > MAX_CHANNELS:
            raise unsupported(
                operator,
                f"has {kernel.weights[0].size:,} inputs and {len(kernel.weights):,} outputs",
                "compile with --head cpu",
            )
        conv = build_conv(kernel, _MAP_SIZE, zero_point)
        check_weight_loads(operator, conv)
        if target is None:
            target = Location(Buffer("kpu", kpu_ram.lines(len(kernel.weights), *_MAP_SIZE)))
        lowered = LoweredLayer(conv, {"image_src_addr": source, "image_dst_addr": target}, str(operator))
        self.extractor.layers.append(lowered)
        self._bytes = None
        self._kpu_vector = _KpuVector(target, lowered, pixel, kernel.requantization.zero_point)

    def _dense_on_cpu(self, operator: Operator, kernel: QuantizedKernel, floats: Location) -> Location:
        source, output = (self.graph.tensors[i] for i in (operator.inputs[0], operator.output))
        scales = kernel.requantization.factors * output.scale / source.scale
        weights = (kernel.weights[:, :, 0, 0].astype(np.float64) - INT8_OFFSET) * scales[:, np.newaxis]
        act = {0: 0, 1: 1, 3: 2}.get(operator.options.fusedActivationFunction)
        if act is None:
            raise unsupported(operator, "has an activation other than ReLU and ReLU6", "use one of these")
        layer = cpu_layers.FullyConnected(
            inputs=weights.shape[1],
            outputs=len(weights),
            act=act,
            weights=weights.ravel().astype(np.float32),
            bias=(kernel.requantization.biases * scales * source.scale).astype(np.float32),
        )
        return self._append(operator, layer, floats, 4 * len(weights))

    def _is_global(self, operator: Operator) -> bool:
        """Returns whether a pooling is over all rows and columns, and nothing else."""
        if operator.kind == "MEAN":
            axes = self.graph.tensors[operator.inputs[1]].data
            return axes is not None and sorted(axis % 4 for axis in axes.ravel().tolist()) == [1, 2]
        options, (height, width) = operator.options, self.graph.tensors[operator.inputs[0]].shape[1:3]
        whole = (options.filterHeight, options.filterWidth) == (height, width)
        return whole and not options.fusedActivationFunction

    def _rounds_early(self, operator: Operator, size: int) -> float:
        """Returns how far below a half TFLite rounds a mean of `size` pixels up, in output steps.

        MEAN rounds twice, as convolutions do (tflite_rounding.py), with separate factors for scale and size.
        AVERAGE_POOL_2D rounds int8 away from zero, and most means of a ReLU are below zero.
        """
        if operator.kind != "MEAN":
            return -_NUDGE
        source, output = (self.graph.tensors[i] for i in (operator.inputs[0], operator.output))
        exponent = (size.bit_length() - 1) - int(np.frexp(source.scale / output.scale)[1])
        return (2.0 ** -(exponent + 1) if exponent > 0 else 0) + _NUDGE

    def _append(self, operator: Operator, layer: KmodelLayer, source: Location, size: int) -> Location:
        """Appends a layer from main RAM to main RAM. Returns where its result of `size` bytes is."""
        layer.flags = 1
        output = Location(Buffer("main", size))
        self.extractor.layers.append(LoweredLayer(layer, {"input": source, "output": output}, str(operator)))
        return output


def _for_positions(kernel: QuantizedKernel, positions: int) -> QuantizedKernel:
    """Returns a dense layer that reads several vectors, with weights of 0 for the rest of their lines."""
    if positions == 1:
        return kernel
    outputs, inputs = kernel.weights.shape[:2]
    weights = kernel.weights.reshape(outputs, positions, inputs // positions)
    unused = -(inputs // positions) % kpu_ram.channels_per_line(_MAP_SIZE[1])
    weights = np.pad(weights, ((0, 0), (0, 0), (0, unused)), constant_values=kernel.weights_zero)
    return replace(kernel, weights=weights.reshape(outputs, -1, 1, 1))
