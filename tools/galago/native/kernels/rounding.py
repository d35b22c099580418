# SPDX-License-Identifier: MIT
"""How the sum of a convolution becomes an int8, for kernels of every instruction set.

TensorFlow Lite Micro rounds twice: h = (sum * multiplier + 2**30) >> 31, then h / 2**right to the nearest,
ties away from zero. With zero = 2 * out_zero + 1 that is

    ((h - (h < 0) >> right - 1) + zero) >> 1

clamped to lowest … highest. Where the activation clamps at the zero point (ReLU, ReLU6), `- (h < 0)` changes
only what is clamped, and is left out. Where right is 0, h is doubled instead of shifted by right - 1. A
multiplier that is too small for any shift is stored as 0, which makes h 0. After a ReLU, a negative sum is
clamped at once.

Kernels prepare the table once per run: an entry (multiplier, shift, bias) becomes (2 * multiplier, right - 1,
bias - zero point * sum of weights). If channels of the model shift by 0, byte 5 says whether to double.

Where weights w have a zero point z themselves, sum x (w - z) = sum x w - z * sum x: the last sum is the same
for all channels of a convolution (scalar/window_sums.py); depthwise kernels subtract z from their weights.
"""

from dataclasses import dataclass

from galago.tflite.records import Record

_DEEP = 2  # from this right shift on, the intermediate results of any 32-bit sum fit in 32 bits
_NARROW = 1 << 30  # with smaller shifts, those of sums below this fit


@dataclass(frozen=True)
class Rounding:
    """The properties of a layer that its code depends on."""

    relu: bool
    """Whether negative sums are clamped at the zero point."""
    doubles: bool
    """Whether some channels shift by 0."""
    shifted: bool
    """Whether the weights have a zero point."""

    @property
    def suffix(self) -> str:
        """The end of the kernel's name."""
        return ("_relu" if self.relu else "") + ("_shifted" if self.shifted else "")


def supports(record: Record) -> bool:
    """Whether a layer with weights rounds as described above; otherwise viper computes it."""
    return (
        record.ordinary
        and bool(record.shifts)
        and all(
            shift <= 0 and reach < (_NARROW if shift > -_DEEP else 2 * _NARROW)
            for shift, reach in zip(record.shifts, record.reach, strict=True)
        )
    )


def rounding(record: Record, records: list[Record]) -> Rounding:
    """The properties of a layer. Layers that clamp alike share code, so `doubles` holds if one needs it."""
    relu, shifted = record.lowest == record.out_zero, record.shifted
    alike = [
        other
        for other in records
        if supports(other) and (other.lowest == other.out_zero, other.shifted) == (relu, shifted)
    ]
    return Rounding(relu, any(0 in other.shifts for other in alike), shifted)
