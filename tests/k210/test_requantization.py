# SPDX-License-Identifier: MIT
"""The KPU's batch norm and activation table against TFLite's rounding, sum by sum."""

from typing import Any

import numpy as np
import pytest
from random_networks import RandomNetwork

from galago.targets.k210 import kpu_arithmetic
from galago.targets.k210.lowering.addition import addition_kernel
from galago.targets.k210.lowering.convolution import build_conv
from galago.targets.k210.registers import BatchNorm
from galago.targets.k210.requantization.activation_table import requantize
from galago.targets.k210.requantization.tflite_rounding import Requantization
from galago.tflite.graph import Graph
from galago.tflite.tflm import Tflm


def twice_rounded(totals: np.ndarray, factor: float) -> np.ndarray:
    """MultiplyByQuantizedMultiplier of TFLite's reference, with double rounding; int64."""
    mantissa, exponent = np.frexp(factor)
    product = totals * round(float(mantissa) * 2**31)
    nudged = product + np.where(product >= 0, 2**30, 1 - 2**30)
    high: Any = abs(nudged) // 2**31 * np.sign(nudged)
    shift = -int(exponent)
    if shift <= 0:
        return high << -shift
    rest, threshold = high & (1 << shift) - 1, ((1 << shift) - 1 >> 1) + (high < 0)
    return (high >> shift) + (rest > threshold)


@pytest.mark.parametrize(("low", "zero", "high"), [(0, 0, 255), (0, 131, 255), (40, 40, 255), (0, 0, 200)])
def test_requantization_is_tflites(low: int, zero: int, high: int) -> None:
    """Of all sums of 24 channels, a few in a million are off by one, far from the zero point.

    Both rounding rules agree on all of them.
    """
    rng = np.random.default_rng([low, zero, high])
    factors = np.exp(rng.uniform(np.log(0.001), np.log(0.008), 24))
    biases = rng.integers(-2000, 2000, 24)
    least_sum, most_sum = (((edge - zero) / factors).astype(int) - biases for edge in (low - 300, high + 300))
    norms, table = requantize(
        Requantization(factors, biases, zero, low, high).thresholds(least_sum, most_sum)
    )
    assert norms.mul.max() < 2**21  # as in public files
    assert np.array_equal(BatchNorm.unpack(norms.pack()).add, norms.add)
    compared = wrong = likely = 0
    for channel, factor in enumerate(factors):
        sums = np.arange(least_sum[channel], most_sum[channel] + 1)
        values = (sums * norms.mul[channel] >> norms.shift[channel]) + norms.add[channel]
        up, even = (
            kpu_arithmetic._activate(values, table, rule).astype(int) for rule in kpu_arithmetic.ROUNDINGS
        )
        assert np.array_equal(up, even)
        exact = (twice_rounded(sums + biases[channel], factor) + zero).clip(low, high)
        assert abs(up - exact).max() <= 1
        compared += np.count_nonzero((exact > low) & (exact < high))
        wrong += np.count_nonzero(up != exact)
        likely += np.count_nonzero((up != exact) & (abs(exact - zero) < 60))
    assert compared > 100_000
    assert wrong <= compared / 50_000
    assert likely <= compared / 500_000


@pytest.mark.parametrize(
    "scales", [(0.067, 0.1, 0.1), (0.1054, 0.1022, 0.1), (0.0613, 0.0917, 0.0917), (0.08, 0.05, 0.09)]
)
def test_additions_are_exact(scales: tuple[float, float, float]) -> None:
    """At most three of all pairs of bytes differ; the output's scale is often that of an operand."""
    net = RandomNetwork(np.random.default_rng(0), size=256, channels=2)
    build_net, inputs = net.builder, net.builder.input
    maps = []
    for channel in (0, 1):  # copies: factors of 1
        weights = np.zeros((1, 1, 1, 2), np.int8)
        weights[..., channel] = 1
        out = scales[channel], (3, -5)[channel]
        factor = np.array([out[0] / net.builder.out(inputs)[0]])
        maps.append(build_net.conv(inputs, weights, np.zeros(1, np.int32), factor, out=out))
    net.last = build_net.add(*maps, out=(scales[2], 7))
    net.head(2)
    data = net.finish()
    graph = Graph.read(data)
    expected = Tflm(data).tensors(np.stack(np.meshgrid(*[np.arange(-128, 128)] * 2), -1).astype(np.int8))
    (operator,) = [one for one in graph.operators if one.kind == "ADD"]
    operands = [expected[i].view(np.uint8).reshape(256, 256) ^ 128 for i in operator.inputs]
    got = kpu_arithmetic.run(
        build_conv(addition_kernel(graph, operator, 1), (256, 256), 0), np.stack(operands)
    )
    assert len(np.unique(np.stack(operands).reshape(2, -1), axis=1).T) > 60_000
    off = abs(got[0].astype(int) - (expected[operator.output].view(np.uint8).reshape(256, 256) ^ 128))
    assert off.max() <= 1
    assert np.count_nonzero(off) <= 3
