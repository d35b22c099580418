# SPDX-License-Identifier: MIT
"""TFLite's ADD as a 1x1 convolution of both maps.

    kernel = addition(graph, operator, channels)

The operands' scales become whole-number weights of eight bits. Where these are too coarse, and the layer has
no other inputs than the two to be added, the zero point of the weights helps, which may be below 0: what
counts is their distance from it, and that can have twelve bits. Of the ratios that are near those weights are
taken with which most steps of the sum are right, for every pair of bytes.
"""

from dataclasses import replace

import numpy as np

from galago.targets.k210.convolution import MIDDLE, Kernel, activation_range, refusal
from galago.targets.k210.lanes import best_cost, least_cost
from galago.targets.k210.rounding import NEVER, Listed, added
from galago.tflite.graph import Graph, Operator

_LARGEST_WEIGHT = 255
_LARGEST = 4095  # of a weight with its zero point: sums keep to 21 bits, as others do
_TRIED, _FITTED = 24, 8


def addition(graph: Graph, operator: Operator, channels: int) -> Kernel:
    """A 1x1 kernel that adds the two halves of its input channels, the operands of an ADD."""
    a, b = (graph.tensors[i] for i in operator.inputs)
    output = graph.tensors[operator.output]
    if not 1 / _LARGEST_WEIGHT < a.scale / b.scale < _LARGEST_WEIGHT:
        raise refusal(operator, "adds scales more than 255 apart", "train it again")
    zeros = a.zero_point + MIDDLE, b.zero_point + MIDDLE, output.zero_point + MIDDLE
    bounds = activation_range(operator, output)
    pairs = _Pairs(added(a.scale, b.scale, output.scale, zeros).ravel(), (bounds[0], zeros[2], bounds[1]))
    tried = []
    for weights, factor in _ratios(a.scale / output.scale, b.scale / output.scale, channels == 1):
        listed = pairs.listed(weights, factor)
        steps = listed.steps(np.zeros(1, np.int64), 255 * weights.sum(keepdims=True))
        tried.append((least_cost(steps), weights, listed, steps))
    best: tuple[float, np.ndarray, Listed] | None = None
    for least, weights, listed, steps in sorted(tried, key=lambda one: one[0])[:_FITTED]:
        if best and best[0] <= least:
            break
        cost = best_cost(steps)
        if best is None or cost < best[0]:
            best = cost, weights, listed
    assert best
    _, weights, listed = best
    zero = min(0, _LARGEST_WEIGHT - int(weights.max()))
    pair = np.concatenate([np.eye(channels, dtype=np.int64) * (weight + zero) for weight in weights], 1)
    listed = replace(listed, factors=listed.factors.repeat(channels), biases=listed.biases.repeat(channels))
    return Kernel(pair.astype(np.uint8)[..., np.newaxis, np.newaxis], zero, False, listed)


def _ratios(a: float, b: float, alone: bool) -> list[tuple[np.ndarray, float]]:
    """Whole numbers in place of the factors of a sum, int64 [2], with the steps that one of them is worth.

    The nearest first, but those that fit eight bits before others.
    """
    scales = np.arange(1, _LARGEST + 1 if alone else _LARGEST_WEIGHT + 1) / max(a, b)
    pairs = np.rint(np.outer(scales, (a, b))).astype(np.int64)
    error = abs(pairs / scales[:, np.newaxis] - (a, b)).sum(1)
    plain = pairs.max(1) <= _LARGEST_WEIGHT
    wide = ~plain & (abs(pairs[:, 0] - pairs[:, 1]) <= _LARGEST_WEIGHT)
    order = np.argsort(error + (pairs.min(1) < 1), kind="stable")
    tried = [i for kind in (plain, wide) for i in order[kind[order]][:_TRIED]]
    return [(pairs[i], 1 / float(scales[i])) for i in tried]


class _Pairs:
    """All pairs of bytes, by the sum that is wanted of them, uint8 as int64 [256 * 256]."""

    def __init__(self, wanted: np.ndarray, bounds: tuple[int, int, int]) -> None:
        self._bounds = low, _, high = bounds
        order = np.argsort(wanted, kind="stable")
        self._x, self._y = order // 256, order % 256
        self._at = np.searchsorted(wanted[order], np.arange(low + 1, high + 1))  # the first of each step

    def listed(self, weights: np.ndarray, factor: float) -> Listed:
        """Where each step begins among sums with these weights, of which one is worth `factor` steps."""
        low, zero, high = self._bounds
        sums = weights[0] * self._x + weights[1] * self._y
        largest = np.concatenate([[-NEVER], np.maximum.accumulate(sums)])
        least = np.concatenate([np.minimum.accumulate(sums[::-1])[::-1], [NEVER]])
        bias = np.array([-round(zero / factor)])
        return Listed(np.array([factor]), bias, zero, low, high, largest[self._at], least[self._at])
