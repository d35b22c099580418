# SPDX-License-Identifier: MIT
"""Lowers TFLite's ADD to a 1x1 convolution of both maps.

    kernel = addition_kernel(graph, operator, channels)

The operands' scales become integer weights of eight bits. Where these are too coarse, and the layer has no
other inputs than the two operands, the weights may get a zero point below 0: their distance from it is what
counts, and it can have twelve bits. Of the integer ratios near that of the scales, the one is taken at which
most thresholds of the sum are right, over every pair of bytes.
"""

from dataclasses import replace

import numpy as np

from galago.targets.k210.lowering.convolution import (
    INT8_OFFSET,
    QuantizedKernel,
    activation_range,
    unsupported,
)
from galago.targets.k210.requantization.segment_groups import best_cost, least_cost
from galago.targets.k210.requantization.tflite_rounding import NEVER, TabulatedRequantization, added
from galago.tflite.graph import Graph, Operator

_MAX_WEIGHT = 255
_MAX_DISTANCE = 4095  # of a weight from its zero point: sums stay below 21 bits, as others do
_RATIOS_TRIED, _RATIOS_FITTED = 24, 8


def addition_kernel(graph: Graph, operator: Operator, channels: int) -> QuantizedKernel:
    """Returns a 1x1 kernel that adds the two halves of its input channels, the operands of an ADD."""
    a, b = (graph.tensors[i] for i in operator.inputs)
    output = graph.tensors[operator.output]
    if not 1 / _MAX_WEIGHT < a.scale / b.scale < _MAX_WEIGHT:
        raise unsupported(operator, "adds scales more than 255 apart", "train it again")
    zero_points = a.zero_point + INT8_OFFSET, b.zero_point + INT8_OFFSET, output.zero_point + INT8_OFFSET
    low, high = activation_range(operator, output)
    pairs = _BytePairs(added(a.scale, b.scale, output.scale, zero_points).ravel(), low, zero_points[2], high)
    tried = []
    for weights, factor in _ratios(a.scale / output.scale, b.scale / output.scale, channels == 1):
        requantization = pairs.requantization(weights, factor)
        thresholds = requantization.thresholds(np.zeros(1, np.int64), 255 * weights.sum(keepdims=True))
        tried.append((least_cost(thresholds), weights, requantization, thresholds))
    best: tuple[float, np.ndarray, TabulatedRequantization] | None = None
    for least, weights, requantization, thresholds in sorted(tried, key=lambda one: one[0])[:_RATIOS_FITTED]:
        if best and best[0] <= least:
            break
        cost = best_cost(thresholds)
        if best is None or cost < best[0]:
            best = cost, weights, requantization
    assert best
    _, weights, requantization = best
    zero = min(0, _MAX_WEIGHT - int(weights.max()))
    pair = np.concatenate([np.eye(channels, dtype=np.int64) * (weight + zero) for weight in weights], 1)
    requantization = replace(
        requantization,
        factors=requantization.factors.repeat(channels),
        biases=requantization.biases.repeat(channels),
    )
    return QuantizedKernel(pair.astype(np.uint8)[..., np.newaxis, np.newaxis], zero, False, requantization)


def _ratios(a: float, b: float, single_channel: bool) -> list[tuple[np.ndarray, float]]:
    """Returns integers that replace the factors of a sum, int64 [2], and the output steps that 1 is worth.

    The nearest come first, but those that fit eight bits before others.
    """
    largest = _MAX_DISTANCE if single_channel else _MAX_WEIGHT
    scales = np.arange(1, largest + 1) / max(a, b)
    pairs = np.rint(np.outer(scales, (a, b))).astype(np.int64)
    error = abs(pairs / scales[:, np.newaxis] - (a, b)).sum(1)
    narrow = pairs.max(1) <= _MAX_WEIGHT
    wide = ~narrow & (abs(pairs[:, 0] - pairs[:, 1]) <= _MAX_WEIGHT)
    order = np.argsort(error + (pairs.min(1) < 1), kind="stable")
    chosen = [i for kind in (narrow, wide) for i in order[kind[order]][:_RATIOS_TRIED]]
    return [(pairs[i], 1 / float(scales[i])) for i in chosen]


class _BytePairs:
    """All pairs of operand bytes in the order of their exact sum, int64 [256 * 256]."""

    def __init__(self, sums: np.ndarray, low: int, zero_point: int, high: int) -> None:
        self._low, self._zero_point, self._high = low, zero_point, high
        order = np.argsort(sums, kind="stable")
        self._x, self._y = order // 256, order % 256
        self._first = np.searchsorted(sums[order], np.arange(low + 1, high + 1))  # first pair of each output

    def requantization(self, weights: np.ndarray, factor: float) -> TabulatedRequantization:
        """Returns the thresholds among sums with these weights, of which 1 is worth `factor` output steps."""
        sums = weights[0] * self._x + weights[1] * self._y
        largest = np.concatenate([[-NEVER], np.maximum.accumulate(sums)])
        least = np.concatenate([np.minimum.accumulate(sums[::-1])[::-1], [NEVER]])
        bias = np.array([-round(self._zero_point / factor)])
        below, first = largest[self._first], least[self._first]
        return TabulatedRequantization(
            np.array([factor]), bias, self._zero_point, self._low, self._high, below, first
        )
