# SPDX-License-Identifier: MIT
"""TFLite's weights and quantization as a KPU layer.

    kernel = Kernel.of(graph, operator)
    conv = build(kernel, side=(112, 112), zero_point=0, pool=ALIGN)

int8 becomes uint8 by adding 128, for pixels, weights and zero points alike; nothing is quantized anew.
"""

from dataclasses import dataclass, replace

import numpy as np

from galago.errors import GalagoError
from galago.targets.k210.arithmetic import requantize
from galago.targets.k210.conv import Conv, derived
from galago.targets.k210.lanes import LARGEST_SLOPE, MOST_ADDED, SHIFT
from galago.targets.k210.registers import Registers
from galago.targets.k210.rounding import Requantization, Steps
from galago.tflite.graph import Graph, Operator, Tensor

ALIGN = 5  # the pool type that keeps the left top pixel of 2x2
MIDDLE = 128  # int8 0 as uint8
TERM_SHIFT = 15  # of the terms with zero points, as in public files
MOST_CHANNELS = 1024  # of a KPU layer
TOGETHER = 8  # channels that are not parted: their lines, and their bytes in main RAM, are whole words
_MOST_PARTS, _SMALLEST_PART = 4, 16  # of a layer cut for the sake of its activation table; and its channels
LOADS = 64  # chunks of weights that a register can count


@dataclass
class Kernel:
    """Weights uint8 [outputs, inputs, side, side] with their zero point, and how sums become uint8."""

    weights: np.ndarray
    weights_zero: int
    depthwise: bool
    requantization: Requantization

    @classmethod
    def of(cls, graph: Graph, operator: Operator) -> "Kernel":
        """From CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED; `model.operator` for others of their forms."""
        weights = graph.tensors[operator.inputs[1]]
        if weights.data is None or weights.dtype != np.int8 or weights.zero_point:
            raise refusal(
                operator, "wants constant int8 weights of zero point 0", "quantize it with galago quantize"
            )
        values, depthwise = weights.data, operator.kind == "DEPTHWISE_CONV_2D"
        inputs = graph.tensors[operator.inputs[0]].shape[-1]
        if depthwise:
            values = values.transpose(3, 0, 1, 2)  # [outputs, 1, height, width]
            if inputs == 1:  # one input channel: an ordinary convolution
                depthwise = False
            elif len(values) != inputs:
                raise refusal(
                    operator, "multiplies channels, the KPU does not", "use a depth multiplier of 1"
                )
        elif operator.kind == "CONV_2D":
            values = values.transpose(0, 3, 1, 2)
        else:
            values = values[:, :, np.newaxis, np.newaxis]
        requantization = _requantization(graph, operator, weights, values)
        return cls((values.astype(np.int16) + MIDDLE).astype(np.uint8), MIDDLE, depthwise, requantization)

    def outputs(self, start: int, end: int) -> "Kernel":
        """The kernel of some output channels (and, if depthwise, the same inputs)."""
        part = self.requantization
        part = replace(part, factors=part.factors[start:end], biases=part.biases[start:end])
        return replace(self, weights=self.weights[start:end], requantization=part)

    def steps(self, zero_point: int) -> Steps:
        """Which sums begin each step of the output, for inputs of this zero point."""
        weights = self.weights.reshape(len(self.weights), -1).astype(np.int64) - self.weights_zero
        above, below = weights.clip(0).sum(1), weights.clip(None, 0).sum(1)
        least = below * (255 - zero_point) - above * zero_point
        most = above * (255 - zero_point) - below * zero_point
        return self.requantization.steps(least, most)

    def rotated(self) -> "Kernel":
        """Rotated by 180 degrees."""
        return replace(self, weights=self.weights[:, :, ::-1, ::-1])


def build(kernel: Kernel, side: tuple[int, int], zero_point: int, pool: int = 0) -> Conv:
    """The layer for a map of `side` (height, width) whose zero point is given as uint8; addresses stay 0."""
    outputs, inputs, size, _ = kernel.weights.shape
    shift = min(TERM_SHIFT, 23 - abs(kernel.weights_zero).bit_length())  # arg_x has 24 bits
    registers = Registers(
        depth_wise_layer=int(kernel.depthwise),
        i_ch_num=outputs if kernel.depthwise else inputs,
        o_ch_num=outputs,
        i_col_high=side[0],
        i_row_wid=side[1],
        kernel_type=int(size == 3),
        pool_type=pool,
        pad_value=zero_point,
        arg_x=-kernel.weights_zero << shift,
        shr_x=shift if kernel.weights_zero else 0,
        arg_w=-zero_point << TERM_SHIFT,
        shr_w=TERM_SHIFT if zero_point else 0,
        arg_add=size * size * kernel.weights_zero * zero_point,
    )
    for name, value in derived(registers).items():
        setattr(registers, name, value)
    norms, activation = requantize(kernel.steps(zero_point))
    weights = np.ascontiguousarray(kernel.weights)
    return Conv(registers=registers, weights=weights, norms=norms, activation=activation)


def identity(channels: int) -> Kernel:
    """A 1x1 kernel that copies every byte."""
    once = Requantization(np.ones(channels), np.zeros(channels, np.int64), 0, 0, 255)
    return Kernel(np.eye(channels, dtype=np.uint8)[..., np.newaxis, np.newaxis], 0, False, once)


def parts(kernel: Kernel) -> int:
    """Into how many layers of as many output channels a kernel is cut: for want of room, or to be more exact.

    Results on both sides of the zero point take more of a layer's activation table (arithmetic.py), and
    several tables are better than one.
    """
    channels, wanted = len(kernel.weights), kernel.requantization
    fewest = most = -(-channels // MOST_CHANNELS)
    if wanted.low < wanted.zero < wanted.high:
        most = max(fewest, min(_MOST_PARTS, channels // _SMALLEST_PART))
    counts = [count for count in range(fewest, most + 1) if not channels % (TOGETHER * count)]
    return counts[-1] if counts else fewest


def activation_range(operator: Operator, output: Tensor) -> tuple[int, int]:
    """Least and largest uint8 of an operator's fused activation."""
    kind = getattr(operator.options, "fusedActivationFunction", 0)
    bounds = {0: (-np.inf, np.inf), 1: (0, np.inf), 2: (-1, 1), 3: (0, 6)}.get(kind)
    if bounds is None:
        raise refusal(operator, f"has fused activation {kind}", "use ReLU or ReLU6")
    low, high = (np.rint(bound / output.scale) + output.zero_point + MIDDLE for bound in bounds)
    return int(np.clip(low, 0, 255)), int(np.clip(high, 0, 255))


def refusal(operator: Operator, reason: str, remedy: str) -> GalagoError:
    """`model.operator`, by the layer's name."""
    return GalagoError("model.operator", f"{operator} {reason}: {remedy}")


def check_loads(operator: Operator, conv: Conv) -> None:
    """`model.operator` for more weights than the KPU can load for one layer."""
    if conv.registers.load_time > LOADS:
        raise refusal(
            operator, f"wants {conv.registers.load_time} loads of weights, of {LOADS}", "use fewer channels"
        )


def _requantization(graph: Graph, operator: Operator, weights: Tensor, values: np.ndarray) -> Requantization:
    channels = len(values)
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.output]
    if len(weights.scales) not in (1, channels):
        raise refusal(
            operator, f"has {len(weights.scales)} scales for {channels} channels", "quantize it again"
        )
    factors = np.broadcast_to(source.scale * weights.scales / output.scale, channels)
    sums = 255 * abs(values.astype(np.int64)).reshape(channels, -1).sum(1)
    if (factors * sums).max() * 2**SHIFT / LARGEST_SLOPE > MOST_ADDED:
        raise refusal(operator, f"scales by {factors.max():.0f}", "train it again, with BatchNorm")
    biases = np.zeros(channels, np.int64)
    if len(operator.inputs) > 2 and operator.inputs[2] != -1:
        given = graph.tensors[operator.inputs[2]].data
        if given is None or given.size != channels:
            raise refusal(operator, "wants one constant bias per channel", "quantize it again")
        biases = given.ravel().astype(np.int64)
    low, high = activation_range(operator, output)
    return Requantization(factors, biases, output.zero_point + MIDDLE, low, high)
