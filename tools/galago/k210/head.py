# SPDX-License-Identifier: MIT
"""The end of a classifier: global pooling, one or more dense layers, softmax.

    head = Head(graph, features, where="kpu")
    head.pool(operator); head.dense(operator); head.softmax(operator)
    head.finish()                               # steps are appended to features.steps

The CPU pools, in float, and makes uint8 of the means as TFLite does. On the KPU a dense layer is a 1x1
convolution of a 4x4 map of which one pixel counts. More inputs than a KPU layer takes are split, and the
partial sums added in float. On the CPU dense layers are float, with four bytes per weight in the file.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from galago.k210 import layers, layout
from galago.k210.convolution import MIDDLE, Kernel, build, check_loads, refusal
from galago.k210.features import MOST_CHANNELS, SMALLEST, Features
from galago.k210.graph import Graph, Operator
from galago.k210.memory import Buffer, Spot, Step

Where = Literal["kpu", "cpu"]
FRAME = (SMALLEST, SMALLEST)
PIXELS = SMALLEST * SMALLEST
NUDGE = 2.0**-12  # steps; more than float32 loses in a mean, less than means differ by


@dataclass
class _Part:
    """One pixel in each of some 4x4 maps of the KPU: logits, or a summand of them."""

    spot: Spot
    step: Step
    zero_point: int  # uint8


class Head:
    """Raises `model.operator` with the layer's name for what cannot be mapped."""

    def __init__(self, graph: Graph, features: Features, where: Where) -> None:
        self.graph = graph
        self.features = features
        self.where = where
        self.tensor = -1  # whose value is in one of the following
        self._bytes: Spot | None = None  # main RAM, uint8
        self._floats = Spot(Buffer("main", 0))  # main RAM, float32
        self._parts: list[_Part] = []  # KPU RAM
        self._ended = False

    def pool(self, operator: Operator) -> None:
        """MEAN or AVERAGE_POOL_2D over the whole map."""
        x = self.features.maps.get(operator.inputs[0])
        given, output = (self.graph.tensors[i] for i in (operator.inputs[0], operator.output))
        if x is None or x.strided or not self._is_global(operator):
            raise refusal(operator, "is no global pooling of the last map", "use GlobalAveragePooling2D")
        size, channels = x.shown[0] * x.shown[1], x.channels
        count = size * channels
        dense = self.features.to_main(x)
        zero = x.zero_point
        floats = self._step(
            operator,
            layers.Dequantize(count=count, scale=given.scale, bias=-zero * given.scale),
            dense,
            4 * count,
        )
        self._floats = self._step(
            operator, layers.GlobalAveragePool(size=size, channels=channels), floats, 4 * channels
        )
        if self.where == "kpu":
            early = self._rounds_early(operator, size)
            bias = -(output.zero_point + MIDDLE + early) * output.scale
            quantize = layers.Quantize(count=channels, scale=output.scale, bias=bias)
            self._bytes = self._step(operator, quantize, self._floats, channels)
        self.tensor = operator.output

    def dense(self, operator: Operator) -> None:
        """FULLY_CONNECTED, or CONV_2D of one pixel."""
        if self._ended:
            raise refusal(operator, "follows the softmax", "end the model with it")
        kernel = Kernel.of(self.graph, operator)
        if self.where == "cpu":
            self._dense_on_cpu(operator, kernel)
        elif self._bytes:
            self._dense_on_kpu(operator, kernel, self._bytes)
        elif len(self._parts) == 1:
            zero_point = self.graph.tensors[operator.inputs[0]].zero_point + MIDDLE
            self._parts = [self._convolve(operator, kernel, self._parts[0].spot, zero_point)]
        else:
            raise refusal(
                operator, "follows a dense layer of more than 1024 inputs", "compile with --head cpu"
            )
        self.tensor = operator.output

    def softmax(self, operator: Operator) -> None:
        """SOFTMAX of the logits."""
        if self._ended or operator.options is None or operator.options.beta != 1:
            raise refusal(operator, "is the second, or has a beta other than 1", "use one, with beta 1")
        floats, classes = self._logits(operator), self._classes()
        self._floats = self._step(operator, layers.Softmax(channels=classes), floats, 4 * classes)
        self.tensor = operator.output
        self._ended = True

    def finish(self, operator: Operator) -> tuple[Spot, int]:
        """Where the result is, in float32, and how many classes it has."""
        if not self._ended:
            self._floats = self._logits(operator)
        return self._floats, self._classes()

    def _classes(self) -> int:
        return int(np.prod(self.graph.tensors[self.tensor].shape))

    def _logits(self, operator: Operator) -> Spot:
        """The logits as float32 in main RAM."""
        if self.where == "cpu":
            return self._floats
        if not self._parts:
            raise refusal(operator, "ends the model without a dense layer", "add one")
        classes, scale = self._classes(), self.graph.tensors[self.tensor].scale
        summands = []
        for part in self._parts:
            part.step.layer.flags = 1
            frames = Spot(Buffer("main", PIXELS * classes))
            part.step.spots["output"] = frames
            vector = self._step(operator, layers.RemovePadding(channels=classes), frames, classes)
            layer = layers.Dequantize(count=classes, scale=scale, bias=-part.zero_point * scale)
            summands.append(self._step(operator, layer, vector, 4 * classes))
        total = summands[0]
        for summand in summands[1:]:
            output = Spot(Buffer("main", 4 * classes))
            spots = {"a": total, "b": summand, "output": output}
            self.features.steps.append(Step(layers.Add(flags=1, count=classes), spots, str(operator)))
            total = output
        return total

    def _dense_on_kpu(self, operator: Operator, kernel: Kernel, vector: Spot) -> None:
        source = self.graph.tensors[operator.inputs[0]]
        inputs = kernel.weights.shape[1]
        count = -(-inputs // MOST_CHANNELS)
        if inputs % count:
            raise refusal(operator, f"has {inputs} inputs, which do not split", "compile with --head cpu")
        share = inputs // count
        for number in range(count):
            part = kernel if count == 1 else _summand(kernel, number, count)
            line = Spot(Buffer("kpu", layout.lines(share, *FRAME)))
            spots = {"input": Spot(vector.buffer, vector.offset + number * share), "line": line}
            self.features.steps.append(Step(layers.AddPadding(channels=share), spots, str(operator)))
            self._parts.append(self._convolve(operator, part, line, source.zero_point + MIDDLE))
        self._bytes = None

    def _convolve(self, operator: Operator, kernel: Kernel, source: Spot, zero_point: int) -> _Part:
        if max(kernel.weights.shape[:2]) > MOST_CHANNELS:
            raise refusal(
                operator, f"has {len(kernel.weights):,} outputs, the KPU 1024", "compile with --head cpu"
            )
        conv = build(kernel, FRAME, zero_point)
        check_loads(operator, conv)
        target = Spot(Buffer("kpu", layout.lines(len(kernel.weights), *FRAME)))
        step = Step(conv, {"image_src_addr": source, "image_dst_addr": target}, str(operator))
        self.features.steps.append(step)
        return _Part(target, step, kernel.requantization.zero)

    def _dense_on_cpu(self, operator: Operator, kernel: Kernel) -> None:
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
        self._floats = self._step(operator, layer, self._floats, 4 * len(weights))

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


def _summand(kernel: Kernel, number: int, count: int) -> Kernel:
    """A share of a dense layer's inputs: its partial sums at the same scale, around the middle of uint8."""
    share = kernel.weights.shape[1] // count
    whole = kernel.requantization
    biases = whole.biases // count + (whole.biases % count if number == 0 else 0)
    part = replace(whole, biases=biases, zero=MIDDLE, low=0, high=255, twice=False)
    return replace(
        kernel, weights=kernel.weights[:, number * share : (number + 1) * share], requantization=part
    )
