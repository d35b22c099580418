# SPDX-License-Identifier: MIT
"""TensorFlow Lite's rounding on the KPU: batch norm words and an activation table for a layer.

    norms, table = requantize(Requantization(factors, biases, zero=0, low=0, high=255))

TFLite computes zero + (sum + bias) * factor and rounds twice: to a multiple of 2**-e, where 2**-e <= 2 *
factor is the power of two that its fixed-point factor is made of, and from there to a whole number, halves
away from zero. For results above the zero point that equals one rounding with its thresholds 2**-(e + 1)
lower, below it as much higher. The KPU has batch norm to bring a channel to a common scale, here UNITS per
step of the output, and the activation table to divide by UNITS. So the thresholds go into `norm_add`,
channel by channel, chosen to agree with TFLite at most of the 255 steps; what is left is finite precision.

The table's slope is odd over a power of two, and each of its segments is so short that no value lies
half-way between two steps: it does not matter how the silicon rounds halves, nor to which segment a start
belongs.
"""

from dataclasses import dataclass

import numpy as np

from galago.k210.registers import SEGMENTS, Activation, Norms

SLOPE, SHIFT = 63, 20  # of a live segment; public files use shifts up to 20
UNITS = 2**SHIFT / SLOPE  # batch norm units per step of the output
STEP = 31  # outputs per segment: halves appear from 2**19 / UNITS = 31.5 on
MUL_LIMIT = 1 << 21  # of the batch norm's multiplier: largest in public files 2,095,262
SEARCH = 8  # batch norm units to either side of the middle


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
    start = [round(knot * UNITS) + (-jump if knot >= zero else jump) for knot in knots]
    bias, mul = list(knots), [SLOPE] * len(knots)
    if high < 255:
        start.append(round(high * UNITS) - jump)
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
    """`norm_add` of each channel, such that most steps begin at the same sum as in TFLite."""
    steps = np.arange(wanted.low + 1, wanted.high + 1)
    side = np.where(steps > wanted.zero, -1.0, 1.0)
    unit = mul / np.exp2(shift)  # of V per unit of the sum
    plain = (wanted.biases * wanted.factors + wanted.zero) * UNITS
    if not len(steps):
        return np.rint(plain).astype(np.int64)
    edges = steps - wanted.zero - 0.5 + side * offsets[:, np.newaxis]
    with np.errstate(over="ignore"):
        sums = np.ceil(edges / wanted.factors[:, np.newaxis]) - wanted.biases[:, np.newaxis]
    # A step begins at its sum exactly if norm_add is in [most - unit, most).
    most = begins(table, steps) - (sums - 1) * unit[:, np.newaxis]
    middle = np.where(unit >= 1, np.median(most, 1) - unit / 2, plain)
    tries = np.rint(middle)[:, np.newaxis] + np.arange(-SEARCH, SEARCH + 1)
    hits = np.stack(
        [
            np.count_nonzero(
                (one[:, np.newaxis] >= most - unit[:, np.newaxis]) & (one[:, np.newaxis] < most), 1
            )
            for one in tries.T
        ],
        1,
    )
    score = hits - abs(tries - middle[:, np.newaxis]) / (4 * SEARCH)
    return np.take_along_axis(tries, score.argmax(1)[:, np.newaxis], 1)[:, 0].astype(np.int64)


def begins(table: Activation, steps: np.ndarray) -> np.ndarray:
    """The least V of each step of the output."""
    live = table.mul > 0
    start, bias = table.start[live], table.bias[live]
    segment = np.searchsorted(bias, steps - 0.5, "right") - 1
    least = start[segment] + np.ceil((steps - bias[segment] - 0.5) * UNITS).astype(np.int64)
    return least
