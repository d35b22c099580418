# SPDX-License-Identifier: MIT
"""The table of multipliers, shifts and biases in the form that kernels need (rounding.py)."""

from galago.native.kernels.rounding import Rounding
from galago.native.kernels.scalar.function import Function


def prepare(code: Function, rounding: Rounding, entry: int, total: int, zero: int, t: int) -> None:
    """Prepares an entry of the engine: `total`, the sum of the weights, times `zero` leaves the bias."""
    code.times(total, zero)
    code.load32(t, entry, 8)
    code.minus(t, t, total)
    code.store32(t, entry, 8)
    if code.doubled:
        code.load32(t, entry)
        code.plus(t, t, t)
        code.store32(t, entry)
    code.load32(t, entry, 4)
    code.constant(total, 0)
    code.minus(t, total, t)
    code.increase(t, -1)
    code.store32(t, entry, 4)
    if rounding.doubles:
        right = code.fresh("right")
        code.branch_if(t, ">=", None, right, near=True)
        code.constant(t, 0)
        code.store32(t, entry, 4)
        code.constant(t, 1)
        code.store8(t, entry, 5)
        code.label(right)
