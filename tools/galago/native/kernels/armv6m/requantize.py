# SPDX-License-Identifier: MIT
"""How sums become bytes on ARMv6-M."""

from collections.abc import Mapping

from galago.native.assemblers.thumb import GE, LT, R8, R9, R10, R11
from galago.native.kernels.armv6m.function import Function
from galago.native.kernels.rounding import Rounding
from galago.tflite.records import Record

REGISTERS = {"low": R8, "high": R9, "right": R10, "out_zero": R11}
"""Where Requantize may keep a channel's multiplier in halves and its shift, and what all channels share."""


class Requantize:
    """Turns sums into bytes: `channel` for each channel, then `byte` for each of its sums.

    rounding.py has the arithmetic; a product of 32 by 31 bits is put together from halves. It needs FRAME,
    where it keeps what is not in one of `registers`, which have the names of REGISTERS.
    """

    FRAME = ("lowest", "highest", "double", *REGISTERS)

    def __init__(self, code: Function, rounding: Rounding, registers: Mapping[str, int]) -> None:
        self.code, self.rounding, self._registers = code, rounding, registers

    def _keep(self, register: int, name: str) -> None:
        if name in self._registers:
            self.code.mov(self._registers[name], register)
        else:
            self.code.store(register, name)

    def _take(self, register: int, name: str) -> None:
        if name in self._registers:
            self.code.mov(register, self._registers[name])
        else:
            self.code.load(register, name)

    def channel(self, entry: int, t: int, u: int) -> None:
        """Takes a channel's entry of the prepared table."""
        code = self.code
        for offset, name in ((0, "low"), (2, "high")):
            code.ldrh(t, entry, offset)
            self._keep(t, name)
        code.ldr(t, entry, 4)
        if self.rounding.doubles:
            code.lsrs(u, t, 8)
            code.store(u, "double")
            code.uxtb(t, t)
        self._keep(t, "right")
        code.load(u, "record")
        code.adds(u, u, 64)
        for name in ("lowest", "highest", "out_zero"):
            code.ldr(t, u, 4 * Record.word(name) - 64)
            if name == "out_zero":
                code.lsls(t, t, 1)
                code.adds(t, t, 1)
                self._keep(t, "out_zero")
            else:
                code.store(t, name)

    def byte(self, total: int, t: int, u: int, v: int, w: int, out: int) -> None:
        """Stores a sum as a byte. `out` may be any register; all others are low, and lost."""
        code = self.code
        upper, lower = v, total
        stored = code.fresh("stored")
        if self.rounding.relu:  # a negative sum is clamped, no other can fall below the lowest
            positive = code.fresh("positive")
            code.cmp(total, 0)
            code.b_if(GE, positive)
            code.load(v, "lowest")
            code.b(stored)
            code.label(positive)
        code.asrs(upper, total, 16)
        code.uxth(lower, total)
        self._take(t, "low")
        code.mov(u, t)
        code.muls(u, lower)
        code.lsrs(u, u, 16)
        code.muls(t, upper)  # cross
        self._take(w, "high")
        code.muls(lower, w)
        code.adds_reg(lower, lower, u)  # middle: the lower half by both halves
        code.movs(u, 1)
        code.lsls(u, u, 14)
        code.adds_reg(lower, lower, u)
        code.muls(upper, w)
        code.lsrs(u, lower, 16)
        code.adds_reg(upper, upper, u)
        code.uxth(lower, lower)
        code.adds_reg(t, t, lower)
        code.asrs(t, t, 15)
        code.lsls(v, upper, 1)
        code.adds_reg(v, v, t)
        if self.rounding.doubles:
            code.load(t, "double")
            code.alu("lsls", v, t)
        if not self.rounding.relu:
            code.asrs(t, v, 31)
            code.adds_reg(v, v, t)
        self._take(t, "right")
        code.alu("asrs", v, t)
        self._take(t, "out_zero")
        code.adds_reg(v, v, t)
        code.asrs(v, v, 1)
        for name, condition in (("lowest", GE), ("highest", LT)):
            if name == "lowest" and self.rounding.relu:
                continue
            kept = code.fresh("kept")
            code.load(t, name)
            code.cmp_reg(v, t)
            code.b_if(condition, kept)
            code.mov(v, t)
            code.label(kept)
        code.label(stored)
        code.mov(t, out)
        code.strb(v, t)
