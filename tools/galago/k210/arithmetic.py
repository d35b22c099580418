# SPDX-License-Identifier: MIT
"""TensorFlow Lite's rounding on the KPU: batch norm words and an activation table for a layer.

    norms, table = requantize(Requantization(factors, biases, zero=0, low=0, high=255))

TFLite computes zero + (sum + bias) * factor and rounds twice: to a multiple of 2**-e, where 2**-e <= 2 *
factor is the power of two that its fixed-point factor is made of, and from there to a whole number, halves
away from zero. For results above the zero point that equals one rounding with its thresholds 2**-(e + 1)
lower, below it as much higher. The KPU has batch norm to bring a channel to a common scale, here UNITS per
step of the output, and the activation table to divide by UNITS. So the thresholds go into `norm_add`,
channel by channel, chosen to agree with TFLite at as many of the 255 steps as can be, the likely ones first;
what is left is the finite precision of `norm_mul`.

The table's slope divides 2**20 - 1, so that every step takes the same whole number of units. It is odd over
a power of two, and each segment is so short that no value lies half-way between two steps: it does not matter
how the silicon rounds halves, nor to which segment a start belongs.
"""

from dataclasses import dataclass

import numpy as np

from galago.k210.registers import SEGMENTS, Activation, Norms

SLOPE, SHIFT = 41, 20  # of a live segment; public files use shifts up to 20
UNITS = 2**SHIFT // SLOPE  # batch norm units per step of the output
STEP = 20  # outputs per segment: halves appear from 2**19 units on
MUL_LIMIT = 1 << 21  # of the batch norm's multiplier: largest in public files 2,095,262

# How much a step counts: results crowd around the zero point; a sum of 0, that of dead inputs, is special.
_SPREAD = 40.0
_DEAD = 100.0


@dataclass
class Requantization:
    """Result = zero + (sum + bias) * factor, clipped to low..high; all in uint8. Arrays are [channels]."""

    factors: np.ndarray  # float64
    biases: np.ndarray  # int64
    zero: int
    low: int
    high: int
    twice: bool = True  # rounded as TFLite's convolutions; otherwise once

    def rounding_offsets(self) -> np.ndarray:
        """By how much the first of two roundings moves a threshold, in steps of the output."""
        exponent = -np.frexp(self.factors)[1]  # the right shift that TFLite ends with
        return np.where(exponent > 0, np.exp2(-exponent - 1.0), 0) if self.twice else np.zeros(len(exponent))


def requantize(wanted: Requantization) -> tuple[Norms, Activation]:
    """The batch norm words and the table."""
    offsets = wanted.rounding_offsets()
    two_sided = wanted.low < wanted.zero < wanted.high
    jump = round(min(float(np.median(offsets)), 1 / 8) * UNITS) if two_sided else 0
    table = activation(wanted.low, wanted.high, wanted.zero, jump)
    shift = np.floor(np.log2((MUL_LIMIT - 1) / (wanted.factors * UNITS))).clip(0, 15).astype(np.int64)
    mul = np.rint(wanted.factors * UNITS * np.exp2(shift)).astype(np.int64)
    return Norms(mul, _additions(wanted, offsets, table, mul, shift), shift), table


def activation(low: int, high: int, zero: int, jump: int) -> Activation:
    """The table V / UNITS clipped to low..high; starts are `jump` units lower from `zero` on, else higher."""
    steps = {*range(zero, high, STEP), *range(zero, low, -STEP)}
    knots = sorted({low} | {step for step in steps if low < step < high})
    start = [knot * UNITS + (-jump if knot >= zero else jump) for knot in knots]
    bias, mul = list(knots), [SLOPE] * len(knots)
    if high < 255:
        start.append(high * UNITS - jump)
        bias.append(high)
        mul.append(0)
    idle = SEGMENTS - len(start)
    start = [-(1 << 35 - i) for i in range(idle)] + start
    bias, mul = [low] * idle + bias, [0] * idle + mul
    shift = [SHIFT] * SEGMENTS
    return Activation(*(np.array(part, np.int64) for part in (start, mul, shift, bias)))


def _additions(
    wanted: Requantization, offsets: np.ndarray, table: Activation, mul: np.ndarray, shift: np.ndarray
) -> np.ndarray:
    """`norm_add` of each channel, such that as many steps as can be begin at the same sum as in TFLite."""
    plain = np.rint((wanted.biases * wanted.factors + wanted.zero) * UNITS).astype(np.int64)
    steps = np.arange(wanted.low + 1, wanted.high + 1)
    if not len(steps):
        return plain
    factors, biases = wanted.factors[:, np.newaxis], wanted.biases[:, np.newaxis]
    side = np.where(steps > wanted.zero, -1.0, 1.0)
    edges = steps - wanted.zero - 0.5 + side * offsets[:, np.newaxis]
    sums = np.ceil(edges / factors).clip(-(2.0**40), 2.0**40).astype(np.int64) - biases
    weights = np.exp(-abs(steps - wanted.zero) / _SPREAD) + 1 / len(steps)
    weights = weights + _DEAD * (abs(steps - 0.5 - wanted.zero - biases * factors) < 1)
    # A step begins at its sum if its first V is reached there, and was not one sum before.
    first = begins(table, steps)
    least = first - (sums * mul[:, np.newaxis] >> shift[:, np.newaxis])
    most = first - ((sums - 1) * mul[:, np.newaxis] >> shift[:, np.newaxis]) - 1
    # (Weights of next to nothing, whose sums take less than a unit: nothing to align.)
    return np.where(mul >> shift > 0, _most_covered(least, most, weights), plain)


def _most_covered(least: np.ndarray, most: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Where intervals least..most of the largest total weight overlap: the middle, int64 [rows]."""
    weights = np.where(least <= most, weights, 0)
    ends = np.concatenate([least, most + 1], 1)
    order = np.argsort(ends, 1, kind="stable")
    ends = np.take_along_axis(ends, order, 1)
    covered = np.cumsum(np.take_along_axis(np.concatenate([weights, -weights], 1), order, 1), 1)
    covered[:, :-1][ends[:, :-1] == ends[:, 1:]] = -1  # no room: more intervals begin or end right there
    best = covered[:, :-1].argmax(1)[:, np.newaxis]
    return (np.take_along_axis(ends, best, 1) + np.take_along_axis(ends, best + 1, 1) - 1)[:, 0] // 2


def begins(table: Activation, steps: np.ndarray) -> np.ndarray:
    """The least V of each step of the output."""
    live = table.mul > 0
    start, bias = table.start[live], table.bias[live]
    segment = np.searchsorted(bias, steps - 0.5, "right") - 1
    return start[segment] + (steps - bias[segment]) * UNITS - UNITS // 2
