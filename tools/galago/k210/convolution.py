# SPDX-License-Identifier: MIT
"""TFLite's weights and quantization as a KPU layer.

    kernel = Kernel.of(graph, operator)
    conv = build(kernel, side=(112, 112), zero_point=0, pool=ALIGN)

int8 becomes uint8 by adding 128, for pixels, weights and zero points alike; nothing is quantized anew.
"""

from dataclasses import dataclass, replace

import numpy as np

from galago.errors import GalagoError
from galago.k210.arithmetic import MUL_LIMIT, UNITS, Requantization, requantize
from galago.k210.conv import Conv, derived
from galago.k210.graph import Graph, Operator, Tensor
from galago.k210.registers import Registers

ALIGN = 5  # the pool type that keeps the left top pixel of 2x2
MIDDLE = 128  # int8 0 as uint8
SHIFT = 15  # of the terms with zero points, as in public files
LOADS = 64  # chunks of weights that a register can count

# Of additions: pairs of weights to try, operands relative to their zero points, how these spread.
_TRIED = 40
_AROUND = np.arange(-64, 65)
_SPREAD = 30.0


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
        requantization = _requantization(graph, operator, weights, len(values))
        return cls((values.astype(np.int16) + MIDDLE).astype(np.uint8), MIDDLE, depthwise, requantization)

    def outputs(self, start: int, end: int) -> "Kernel":
        """The kernel of some output channels (and, if depthwise, the same inputs)."""
        part = self.requantization
        part = replace(part, factors=part.factors[start:end], biases=part.biases[start:end])
        return replace(self, weights=self.weights[start:end], requantization=part)

    def rotated(self) -> "Kernel":
        """Rotated by 180 degrees."""
        return replace(self, weights=self.weights[:, :, ::-1, ::-1])


def build(kernel: Kernel, side: tuple[int, int], zero_point: int, pool: int = 0) -> Conv:
    """The layer for a map of `side` (height, width) whose zero point is given as uint8; addresses stay 0."""
    outputs, inputs, size, _ = kernel.weights.shape
    registers = Registers(
        depth_wise_layer=int(kernel.depthwise),
        i_ch_num=outputs if kernel.depthwise else inputs,
        o_ch_num=outputs,
        i_col_high=side[0],
        i_row_wid=side[1],
        kernel_type=int(size == 3),
        pool_type=pool,
        pad_value=zero_point,
        arg_x=-kernel.weights_zero << SHIFT,
        shr_x=SHIFT if kernel.weights_zero else 0,
        arg_w=-zero_point << SHIFT,
        shr_w=SHIFT if zero_point else 0,
        arg_add=size * size * kernel.weights_zero * zero_point,
    )
    for name, value in derived(registers).items():
        setattr(registers, name, value)
    norms, activation = requantize(kernel.requantization)
    weights = np.ascontiguousarray(kernel.weights)
    return Conv(registers=registers, weights=weights, norms=norms, activation=activation)


def identity(channels: int) -> Kernel:
    """A 1x1 kernel that copies every byte."""
    once = Requantization(np.ones(channels), np.zeros(channels, np.int64), 0, 0, 255, twice=False)
    return Kernel(np.eye(channels, dtype=np.uint8)[..., np.newaxis, np.newaxis], 0, False, once)


def addition(graph: Graph, operator: Operator, channels: int) -> Kernel:
    """A 1x1 kernel that adds the two halves of its input channels, the operands of an ADD."""
    a, b = (graph.tensors[i] for i in operator.inputs)
    output = graph.tensors[operator.output]
    if not 1 / 255 < a.scale / b.scale < 255:
        raise refusal(operator, "adds scales more than 255 apart", "train it again")
    weights, factor = _ratio(a.scale / output.scale, b.scale / output.scale)
    pair = np.concatenate([np.eye(channels, dtype=np.int64) * weight for weight in weights], 1)
    zeros = weights @ (a.zero_point + MIDDLE, b.zero_point + MIDDLE)
    low, high = activation_range(operator, output)
    once = Requantization(
        np.full(channels, 1 / factor),
        np.full(channels, -zeros),
        output.zero_point + MIDDLE,
        low,
        high,
        twice=False,
    )
    return Kernel(pair.astype(np.uint8)[..., np.newaxis, np.newaxis], 0, False, once)


def _ratio(a: float, b: float) -> tuple[np.ndarray, float]:
    """Whole numbers up to 255 in place of the factors of a sum, int64 [2], and what to divide by.

    Of the pairs whose ratio is nearest that which rounds most sums right: a near ratio of small numbers is
    often half-way between two steps, where the least error decides.
    """
    factors = np.arange(1, 256) / max(a, b)
    pairs = np.rint(np.outer(factors, (a, b))).astype(np.int64)
    error = abs(pairs / factors[:, np.newaxis] - (a, b)).sum(1) + (pairs.min(1) < 1)
    near = np.argsort(error, kind="stable")[:_TRIED]
    x, y = np.meshgrid(_AROUND, _AROUND)
    exact = np.floor(a * x + b * y + 0.5)
    likely = np.exp(-(abs(x) + abs(y)) / _SPREAD)
    wrong = [
        (likely * (np.floor((p * x + q * y) / factor + 0.5) != exact)).sum()
        for (p, q), factor in zip(pairs[near], factors[near], strict=True)
    ]
    best = near[int(np.argmin(wrong))]
    return pairs[best], float(factors[best])


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


def _requantization(graph: Graph, operator: Operator, weights: Tensor, channels: int) -> Requantization:
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.output]
    if len(weights.scales) not in (1, channels):
        raise refusal(
            operator, f"has {len(weights.scales)} scales for {channels} channels", "quantize it again"
        )
    factors = np.broadcast_to(source.scale * weights.scales / output.scale, channels)
    if factors.max() * UNITS >= MUL_LIMIT:
        raise refusal(operator, f"scales by {factors.max():.0f}", "train it again, with BatchNorm")
    biases = np.zeros(channels, np.int64)
    if len(operator.inputs) > 2 and operator.inputs[2] != -1:
        given = graph.tensors[operator.inputs[2]].data
        if given is None or given.size != channels:
            raise refusal(operator, "wants one constant bias per channel", "quantize it again")
        biases = given.ravel().astype(np.int64)
    low, high = activation_range(operator, output)
    return Requantization(factors, biases, output.zero_point + MIDDLE, low, high)
