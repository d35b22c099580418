# SPDX-License-Identifier: MIT
"""Lowers a convolution: TFLite's weights and quantization become a layer of the KPU.

    kernel = QuantizedKernel.of(graph, operator)
    conv = build_conv(kernel, size=(112, 112), zero_point=0, pool=KEEP_TOP_LEFT)

int8 becomes uint8 by adding 128, for pixels, weights and zero points alike; nothing is quantized again.
"""

from dataclasses import dataclass, replace

import numpy as np

from galago.errors import GalagoError
from galago.targets.k210.kpu_conv import KpuConv, derived
from galago.targets.k210.registers import Registers
from galago.targets.k210.requantization.activation_table import requantize
from galago.targets.k210.requantization.segment_groups import MAX_NORM_ADD, MAX_SLOPE, SHIFT
from galago.targets.k210.requantization.tflite_rounding import Requantization, Thresholds
from galago.tflite.graph import Graph, Operator, Tensor

KEEP_TOP_LEFT = 5  # the pool type that keeps the top left pixel of 2x2
INT8_OFFSET = 128  # from int8 to uint8
TERM_SHIFT = 15  # of the terms with zero points, as in public files
MAX_CHANNELS = 1024  # of a KPU layer
CHANNEL_ALIGNMENT = 8  # channels of a part: its lines, and its bytes in main RAM, are then whole words
MAX_WEIGHT_LOADS = 64  # chunks of weights that a register can count
_MAX_PARTS, _MIN_PART_CHANNELS = 4, 16  # of a convolution that is split for more activation tables


@dataclass
class QuantizedKernel:
    """Weights, uint8 [outputs, inputs, size, size], with their zero point, and how sums become uint8."""

    weights: np.ndarray
    weights_zero: int
    depthwise: bool
    requantization: Requantization

    @classmethod
    def of(cls, graph: Graph, operator: Operator) -> "QuantizedKernel":
        """Reads CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED. Raises GalagoError model.operator."""
        weights = graph.tensors[operator.inputs[1]]
        if weights.data is None or weights.dtype != np.int8 or weights.zero_point:
            raise unsupported(
                operator, "needs constant int8 weights of zero point 0", "quantize it with galago quantize"
            )
        values, depthwise = weights.data, operator.kind == "DEPTHWISE_CONV_2D"
        inputs = graph.tensors[operator.inputs[0]].shape[-1]
        if depthwise:
            values = values.transpose(3, 0, 1, 2)  # [outputs, 1, height, width]
            if inputs == 1:  # one input channel: an ordinary convolution
                depthwise = False
            elif len(values) != inputs:
                raise unsupported(
                    operator, "multiplies channels, which the KPU cannot do", "use a depth multiplier of 1"
                )
        elif operator.kind == "CONV_2D":
            values = values.transpose(0, 3, 1, 2)
        else:
            values = values[:, :, np.newaxis, np.newaxis]
        requantization = _requantization(graph, operator, weights, values)
        unsigned = (values.astype(np.int16) + INT8_OFFSET).astype(np.uint8)
        return cls(unsigned, INT8_OFFSET, depthwise, requantization)

    def outputs(self, start: int, end: int) -> "QuantizedKernel":
        """Returns the kernel of some output channels (and, if depthwise, the same inputs)."""
        part = self.requantization
        part = replace(part, factors=part.factors[start:end], biases=part.biases[start:end])
        return replace(self, weights=self.weights[start:end], requantization=part)

    def thresholds(self, zero_point: int) -> Thresholds:
        """Returns the sums at which each output begins, for inputs with this uint8 zero point."""
        weights = self.weights.reshape(len(self.weights), -1).astype(np.int64) - self.weights_zero
        positive, negative = weights.clip(0).sum(1), weights.clip(None, 0).sum(1)
        least_sum = negative * (255 - zero_point) - positive * zero_point
        most_sum = positive * (255 - zero_point) - negative * zero_point
        return self.requantization.thresholds(least_sum, most_sum)

    def rotated(self) -> "QuantizedKernel":
        """Returns the kernel rotated by 180 degrees."""
        return replace(self, weights=self.weights[:, :, ::-1, ::-1])


def build_conv(kernel: QuantizedKernel, size: tuple[int, int], zero_point: int, pool: int = 0) -> KpuConv:
    """Returns the layer for a map of `size` (height, width) with a uint8 zero point; its addresses are 0."""
    outputs, inputs, kernel_size, _ = kernel.weights.shape
    shift = min(TERM_SHIFT, 23 - abs(kernel.weights_zero).bit_length())  # arg_x has 24 bits
    registers = Registers(
        depth_wise_layer=int(kernel.depthwise),
        i_ch_num=outputs if kernel.depthwise else inputs,
        o_ch_num=outputs,
        i_col_high=size[0],
        i_row_wid=size[1],
        kernel_type=int(kernel_size == 3),
        pool_type=pool,
        pad_value=zero_point,
        arg_x=-kernel.weights_zero << shift,
        shr_x=shift if kernel.weights_zero else 0,
        arg_w=-zero_point << TERM_SHIFT,
        shr_w=TERM_SHIFT if zero_point else 0,
        arg_add=kernel_size * kernel_size * kernel.weights_zero * zero_point,
    )
    for name, value in derived(registers).items():
        setattr(registers, name, value)
    batch_norm, activation = requantize(kernel.thresholds(zero_point))
    weights = np.ascontiguousarray(kernel.weights)
    return KpuConv(registers=registers, weights=weights, batch_norm=batch_norm, activation=activation)


def identity_kernel(channels: int) -> QuantizedKernel:
    """Returns a 1x1 kernel that copies every byte."""
    copy = Requantization(np.ones(channels), np.zeros(channels, np.int64), 0, 0, 255)
    return QuantizedKernel(np.eye(channels, dtype=np.uint8)[..., np.newaxis, np.newaxis], 0, False, copy)


def part_count(kernel: QuantizedKernel) -> int:
    """Returns into how many layers of equal output channels a kernel is split, to fit or to be more exact.

    Outputs on both sides of the zero point take more of a layer's activation table (activation_table.py), and
    several tables are better than one.
    """
    channels, requantization = len(kernel.weights), kernel.requantization
    fewest = most = -(-channels // MAX_CHANNELS)
    if requantization.low < requantization.zero_point < requantization.high:
        most = max(fewest, min(_MAX_PARTS, channels // _MIN_PART_CHANNELS))
    counts = [count for count in range(fewest, most + 1) if not channels % (CHANNEL_ALIGNMENT * count)]
    return counts[-1] if counts else fewest


def activation_range(operator: Operator, output: Tensor) -> tuple[int, int]:
    """Returns the least and the largest uint8 output of an operator with its fused activation."""
    kind = getattr(operator.options, "fusedActivationFunction", 0)
    bounds = {0: (-np.inf, np.inf), 1: (0, np.inf), 2: (-1, 1), 3: (0, 6)}.get(kind)
    if bounds is None:
        raise unsupported(operator, f"has fused activation {kind}", "use ReLU or ReLU6")
    low, high = (np.rint(bound / output.scale) + output.zero_point + INT8_OFFSET for bound in bounds)
    return int(np.clip(low, 0, 255)), int(np.clip(high, 0, 255))


def unsupported(operator: Operator, reason: str, remedy: str) -> GalagoError:
    """Returns the GalagoError model.operator to raise, with the layer's name."""
    return GalagoError("model.operator", f"{operator} {reason}: {remedy}")


def check_weight_loads(operator: Operator, conv: KpuConv) -> None:
    """Raises GalagoError model.operator if a layer has more weights than the KPU can load."""
    if conv.registers.load_time > MAX_WEIGHT_LOADS:
        raise unsupported(
            operator,
            f"needs {conv.registers.load_time} loads of weights, the KPU has {MAX_WEIGHT_LOADS}",
            "use fewer channels",
        )


def _requantization(graph: Graph, operator: Operator, weights: Tensor, values: np.ndarray) -> Requantization:
    channels = len(values)
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.output]
    if len(weights.scales) not in (1, channels):
        raise unsupported(
            operator, f"has {len(weights.scales)} scales for {channels} channels", "quantize it again"
        )
    factors = np.broadcast_to(source.scale * weights.scales / output.scale, channels)
    sums = 255 * abs(values.astype(np.int64)).reshape(channels, -1).sum(1)
    if (factors * sums).max() * 2**SHIFT / MAX_SLOPE > MAX_NORM_ADD:
        raise unsupported(operator, f"scales by {factors.max():.0f}", "train it again, with BatchNorm")
    biases = np.zeros(channels, np.int64)
    if len(operator.inputs) > 2 and operator.inputs[2] != -1:
        data = graph.tensors[operator.inputs[2]].data
        if data is None or data.size != channels:
            raise unsupported(operator, "needs one constant bias per channel", "quantize it again")
        biases = data.ravel().astype(np.int64)
    low, high = activation_range(operator, output)
    return Requantization(factors, biases, output.zero_point + INT8_OFFSET, low, high)
