# SPDX-License-Identifier: MIT
"""The end of a classifier: global pooling, dense layers, softmax.

    head = Head(graph, features, where="kpu")
    head.pool(operator); head.dense(operator); head.softmax(operator)     # in any order and number
    head.finish()                               # steps are appended to features.steps

The CPU pools, in float, and makes uint8 of the means as TFLite does. On the KPU a dense layer is a 1x1
convolution of a 4x4 map of which one pixel counts. More inputs than a KPU layer has channels lie nine to a
channel, as 3x3 pixels, and the kernel is 3x3. On the CPU dense layers are float, with four bytes per weight
in the file.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from galago.targets.k210 import layers, layout
from galago.targets.k210.convolution import MIDDLE, MOST_CHANNELS, Kernel, build, check_loads, refusal
from galago.targets.k210.features import SMALLEST, Features
from galago.targets.k210.memory import Buffer, Spot, Step
from galago.tflite.graph import Graph, Operator, Tensor

Where = Literal["kpu", "cpu"]
FRAME = (SMALLEST, SMALLEST)
PIXELS = SMALLEST * SMALLEST
TAPS = 9  # of a 3x3 kernel
NUDGE = 2.0**-12  # steps; more than float32 loses in a mean, less than means differ by


@dataclass
class _Values:
    """What a dense layer gives: one pixel in each of its 4x4 maps in KPU RAM."""

    spot: Spot
    step: Step
    pixel: int
    zero_point: int  # uint8


class Head:
    """Raises `model.operator` with the layer's name for what cannot be mapped."""

    def __init__(self, graph: Graph, features: Features, where: Where) -> None:
        self.graph = graph
        self.features = features
        self.where = where
        self.tensor = -1  # whose value is in one of the following
        self._floats: Spot | None = None  # main RAM, float32
        self._bytes: Spot | None = None  # main RAM, uint8
        self._values: _Values | None = None  # KPU RAM

    def pool(self, operator: Operator) -> None:
        """MEAN or AVERAGE_POOL_2D over the whole map."""
        x = self.features.maps.get(operator.inputs[0])
        given, output = (self.graph.tensors[i] for i in (operator.inputs[0], operator.output))
        if x is None or x.strided or not self._is_global(operator):
            raise refusal(operator, "is no global pooling of the last map", "use GlobalAveragePooling2D")
        size, channels = x.shown[0] * x.shown[1], x.channels
        count = size * channels
        dense = self.features.to_main(x)
        # For a dense layer on the KPU in steps, whole numbers, whose sums float32 holds.
        scale = 1.0 if self.where == "kpu" else given.scale
        dequantize = layers.Dequantize(count=count, scale=scale, bias=-x.zero_point * scale)
        floats = self._step(operator, dequantize, dense, 4 * count)
        means = layers.GlobalAveragePool(size=size, channels=channels)
        self._floats = self._step(operator, means, floats, 4 * channels)
        if self.where == "kpu":
            step = output.scale / given.scale
            self._quantize(operator, self._floats, output, step, self._rounds_early(operator, size))
        self.tensor = operator.output

    def dense(self, operator: Operator) -> None:
        """FULLY_CONNECTED, or CONV_2D of one pixel."""
        kernel, source = Kernel.of(self.graph, operator), self.graph.tensors[self.tensor]
        if self._floats and self.where == "cpu":
            self._floats = self._dense_on_cpu(operator, kernel, self._floats)
        else:
            if self._floats:  # probabilities, of which another layer makes something
                self._quantize(operator, self._floats, source, source.scale, 0)
            if self._bytes:
                self._first_dense(operator, kernel, self._bytes)
            elif self._values:
                spot, pixel = self._values.spot, self._values.pixel
                self._convolve(operator, kernel, spot, source.zero_point + MIDDLE, pixel)
        self.tensor = operator.output

    def softmax(self, operator: Operator) -> None:
        """SOFTMAX of what a dense layer gave."""
        if operator.options is None or operator.options.beta != 1:
            raise refusal(operator, "has a beta other than 1", "use 1")
        floats, classes = self._as_floats(operator), self._classes()
        self._floats = self._step(operator, layers.Softmax(channels=classes), floats, 4 * classes)
        self.tensor = operator.output

    def finish(self, operator: Operator) -> tuple[Spot, int]:
        """Where the result is, in float32, and how many classes it has."""
        return self._as_floats(operator), self._classes()

    def _classes(self) -> int:
        return int(np.prod(self.graph.tensors[self.tensor].shape))

    def _quantize(self, operator: Operator, floats: Spot, tensor: Tensor, step: float, early: float) -> None:
        """Floats, `step` to a step of a tensor, to its uint8, halves up from `early` steps below them."""
        bias = -(tensor.zero_point + MIDDLE + early) * step
        layer = layers.Quantize(count=tensor.shape[-1], scale=step, bias=bias)
        self._bytes, self._floats = self._step(operator, layer, floats, tensor.shape[-1]), None

    def _as_floats(self, operator: Operator) -> Spot:
        """The value as float32 in main RAM."""
        if self._floats:
            return self._floats
        if not self._values:
            raise refusal(operator, "has no dense layer before it", "add one")
        classes, scale, values = self._classes(), self.graph.tensors[self.tensor].scale, self._values
        frames = Spot(Buffer("main", PIXELS * (classes + 1)))  # from `pixel` on there are as many again
        values.step.layer.flags = 1
        values.step.spots["output"] = frames
        shown = Spot(frames.buffer, values.pixel)
        vector = self._step(operator, layers.RemovePadding(channels=classes), shown, classes)
        layer = layers.Dequantize(count=classes, scale=scale, bias=-values.zero_point * scale)
        self._values = None
        return self._step(operator, layer, vector, 4 * classes)

    def _first_dense(self, operator: Operator, kernel: Kernel, vector: Spot) -> None:
        """The layer whose inputs come from main RAM."""
        zero_point = self.graph.tensors[operator.inputs[0]].zero_point + MIDDLE
        outputs, inputs = kernel.weights.shape[:2]
        if inputs <= MOST_CHANNELS:
            line = Spot(Buffer("kpu", layout.lines(inputs, *FRAME)))
            spots = {"input": vector, "line": line}
            self.features.steps.append(Step(layers.AddPadding(channels=inputs), spots, str(operator)))
            self._convolve(operator, kernel, line, zero_point, 0)
            return
        channels = -(-inputs // TAPS)
        missing = channels * TAPS - inputs  # whatever is read there, its weights are 0
        vector.buffer.size = max(vector.buffer.size, channels * TAPS)
        weights = np.pad(
            kernel.weights[:, :, 0, 0], ((0, 0), (0, missing)), constant_values=kernel.weights_zero
        )
        kernel = replace(kernel, weights=weights.reshape(outputs, channels, 3, 3))
        line = self.features.frame_of_3x3(vector, channels)
        self._convolve(operator, kernel, line, zero_point, FRAME[1] + 1)

    def _convolve(
        self, operator: Operator, kernel: Kernel, source: Spot, zero_point: int, pixel: int
    ) -> None:
        if max(kernel.weights.shape[:2]) > MOST_CHANNELS:
            raise refusal(
                operator,
                f"has {kernel.weights[0].size:,} inputs and {len(kernel.weights):,} outputs",
                "compile with --head cpu",
            )
        conv = build(kernel, FRAME, zero_point)
        check_loads(operator, conv)
        target = Spot(Buffer("kpu", layout.lines(len(kernel.weights), *FRAME)))
        step = Step(conv, {"image_src_addr": source, "image_dst_addr": target}, str(operator))
        self.features.steps.append(step)
        self._bytes, self._values = None, _Values(target, step, pixel, kernel.requantization.zero)

    def _dense_on_cpu(self, operator: Operator, kernel: Kernel, floats: Spot) -> Spot:
        source, output = (self.graph.tensors[i] for i in (operator.inputs[0], operator.output))
        scales = kernel.requantization.factors * output.scale / source.scale
        weights = (kernel.weights[:, :, 0, 0].astype(np.float64) - MIDDLE) * scales[:, np.newaxis]
        act = {0: 0, 1: 1, 3: 2}.get(operator.options.fusedActivationFunction)
        if act is None:
            raise refusal(operator, "has an activation that is neither ReLU nor ReLU6", "use one of these")
        layer = layers.FullyConnected(
            inputs=weights.shape[1],
            outputs=len(weights),
            act=act,
            weights=weights.ravel().astype(np.float32),
            bias=(kernel.requantization.biases * scales * source.scale).astype(np.float32),
        )
        return self._step(operator, layer, floats, 4 * len(weights))

    def _is_global(self, operator: Operator) -> bool:
        """Whether a pooling is over all rows and columns, and nothing else."""
        if operator.kind == "MEAN":
            axes = self.graph.tensors[operator.inputs[1]].data
            return axes is not None and sorted(axis % 4 for axis in axes.ravel().tolist()) == [1, 2]
        options, (height, width) = operator.options, self.graph.tensors[operator.inputs[0]].shape[1:3]
        whole = (options.filterHeight, options.filterWidth) == (height, width)
        return whole and not options.fusedActivationFunction

    def _rounds_early(self, operator: Operator, size: int) -> float:
        """How far below a half TFLite rounds a mean of `size` pixels up, in steps of the output.

        MEAN rounds twice as convolutions do (arithmetic.py), its factor made of scale and size apart;
        AVERAGE_POOL_2D rounds int8 away from zero, and below zero are most means of a ReLU.
        """
        if operator.kind != "MEAN":
            return -NUDGE
        given, output = (self.graph.tensors[i] for i in (operator.inputs[0], operator.output))
        exponent = (size.bit_length() - 1) - int(np.frexp(given.scale / output.scale)[1])
        return (2.0 ** -(exponent + 1) if exponent > 0 else 0) + NUDGE

    def _step(self, operator: Operator, layer: layers.Layer, source: Spot, size: int) -> Spot:
        """A layer from main RAM to main RAM, and where its result of `size` bytes goes."""
        layer.flags = 1
        output = Spot(Buffer("main", size))
        self.features.steps.append(Step(layer, {"input": source, "output": output}, str(operator)))
        return output
