# SPDX-License-Identifier: MIT
"""How the sum of a convolution becomes an int8: what kernels of every instruction set need to know.

TensorFlow Lite Micro rounds twice: h = (sum * multiplier + 2**30) >> 31, then h / 2**right to the nearest,
ties away from zero. With zero = 2 * out_zero + 1 that is

    ((h - (h < 0) >> right - 1) + zero) >> 1

clamped to lowest … highest. Where the activation cuts at the zero point (ReLU, ReLU6), `- (h < 0)` changes
only what is cut, and is left out. Where right is 0, h is doubled instead of shifted by right - 1. A
multiplier that is too small for any shift has become 0, and then h is 0. A negative sum is cut at once after
a ReLU.

Kernels prepare the table once in a run: an entry (multiplier, shift, bias) becomes (2 * multiplier, right -
1, bias - zero point * sum of weights); where channels of the model shift by 0, byte 5 says whether to double.
"""

from dataclasses import dataclass

from galago.tflite.records import Record

_DEEP = 2  # with a shift of that many, the intermediate results of any sum of 32 bits have 32 bits
_NARROW = 1 << 30  # with less they have, of sums below this


@dataclass(frozen=True)
class Rounding:
    """What the code for a layer depends on."""

    relu: bool
    """Negative sums are cut at the zero point."""
    doubles: bool
    """Some channels shift by 0."""

    @property
    def suffix(self) -> str:
        """For the name of a kernel."""
        return "_relu" if self.relu else ""


def supports(record: Record) -> bool:
    """Whether a layer with weights rounds as described above; otherwise viper computes it."""
    return bool(record.shifts) and all(
        shift <= 0 and reach < (_NARROW if shift > -_DEEP else 2 * _NARROW)
        for shift, reach in zip(record.shifts, record.reach, strict=True)
    )


def rounding(record: Record, records: list[Record]) -> Rounding:
    """Of a layer. Layers of the model that cut alike share code, so one that shifts by 0 decides for them."""
    relu = record.lowest == record.out_zero
    alike = [other for other in records if supports(other) and (other.lowest == other.out_zero) == relu]
    return Rounding(relu, any(0 in other.shifts for other in alike))
