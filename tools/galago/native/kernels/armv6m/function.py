# SPDX-License-Identifier: MIT
"""A function for ARMv6-M.

Most instructions know R0 … R7 only. R8 … R12 and LR hold what is needed now and then.
"""

from galago.native.assemblers.thumb import (
    EQ,
    GE,
    HS,
    LO,
    LR,
    LT,
    NE,
    PC,
    R0,
    R1,
    R3,
    R4,
    R5,
    R6,
    R7,
    R8,
    R9,
    SP,
    Thumb,
)
from galago.native.kernels import ITEMS, SMALL_INT_0
from galago.native.kernels.scalar.function import ITEMS_BY_NAME
from galago.native.kernels.scalar.function import Function as Scalar

_ARGUMENTS = R3  # of fun(self, n_args, n_kw, args)
_CONDITIONS = {"==": EQ, "!=": NE, "<": LT, ">=": GE, "<u": LO}
_OPPOSITE = {EQ: NE, NE: EQ, LT: GE, GE: LT, LO: HS}


class Function(Thumb, Scalar):
    """A kernel under construction."""

    general = tuple(range(R0, R7 + 1))
    keeps_sums = True

    def enter(self) -> None:
        """Saves registers and copies the items of the call into the frame."""
        self.push(R4, R5, R6, R7, LR)
        for i in range(4):
            self.mov(R4 + i, R8 + i)
        self.push(R4, R5, R6, R7)
        self.add_sp(-4 * len(self._frame))
        self.ldr(R0, _ARGUMENTS)
        self.ldr(R0, R0, ITEMS)
        for name, item in ITEMS_BY_NAME.items():
            self.ldr(R1, R0, 4 * item)
            self.store(R1, name)

    def leave(self) -> None:
        """Restores registers and returns."""
        self.add_sp(4 * len(self._frame))
        self.pop(R4, R5, R6, R7)
        for i in range(4):
            self.mov(R8 + i, R4 + i)
        self.movs(R0, SMALL_INT_0)
        self.pop(R4, R5, R6, R7, PC)

    def load(self, register: int, name: str) -> None:
        """Loads a word of the frame."""
        self.ldr(register, SP, self._frame[name])

    def store(self, register: int, name: str) -> None:
        """Stores a word in the frame."""
        self.str_(register, SP, self._frame[name])

    def load32(self, register: int, base: int, offset: int = 0) -> None:
        """Loads a word."""
        self.ldr(register, base, offset)

    def store32(self, register: int, base: int, offset: int = 0) -> None:
        """Stores a word."""
        self.str_(register, base, offset)

    def load16(self, register: int, base: int, offset: int = 0) -> None:
        """Loads an unsigned half word."""
        self.ldrh(register, base, offset)

    def store16(self, register: int, base: int, offset: int = 0) -> None:
        """Stores a half word."""
        self.strh(register, base, offset)

    def load8(self, register: int, base: int, offset: int = 0) -> None:
        """Loads an unsigned byte."""
        self.ldrb(register, base, offset)

    def load8s(self, register: int, base: int, offset: int = 0) -> None:
        """Loads a signed byte."""
        self.ldrb(register, base, offset)
        self.sxtb(register, register)

    def store8(self, register: int, base: int, offset: int = 0) -> None:
        """Stores a byte."""
        self.strb(register, base, offset)

    def constant(self, register: int, value: int) -> None:
        """Loads a number."""
        self.movs(register, value)

    def copy(self, to: int, source: int) -> None:
        """Copies a register."""
        self.mov(to, source)

    def plus(self, to: int, a: int, b: int) -> None:
        """a + b."""
        self.adds_reg(to, a, b)

    def minus(self, to: int, a: int, b: int) -> None:
        """a - b."""
        self.subs_reg(to, a, b)

    def increase(self, register: int, number: int) -> None:
        """Adds a number."""
        if number < 0:
            self.subs(register, register, -number)
        else:
            self.adds(register, register, number)

    def times(self, register: int, factor: int) -> None:
        """Multiplies a register by another."""
        self.muls(register, factor)

    def low_bits(self, to: int, source: int, bits: int) -> None:
        """The lowest bits of a register."""
        self.lsls(to, source, 32 - bits)
        self.lsrs(to, to, 32 - bits)

    def left(self, to: int, source: int, count: int) -> None:
        """Shifts left."""
        self.lsls(to, source, count)

    def right(self, to: int, source: int, count: int) -> None:
        """Shifts right, filling with zeros."""
        self.lsrs(to, source, count)

    def divide(self, register: int, by: int) -> None:
        """Divides an unsigned register bit by bit; R8 and R9 are lost."""
        t, quotient = [other for other in self.general if other not in (register, by)][:2]
        self.mov(R8, t)
        self.mov(R9, quotient)
        self.movs(quotient, 0)
        for bit in range(7, -1, -1):
            less = self.fresh("less")
            self.lsls(t, by, bit)
            self.cmp_reg(register, t)
            self.b_if(LO, less)
            self.subs_reg(register, register, t)
            self.adds(quotient, quotient, 1 << bit)
            self.label(less)
        self.mov(register, quotient)
        self.mov(t, R8)
        self.mov(quotient, R9)

    def modulo(self, register: int, by: int) -> None:
        """The remainder of a register, by subtraction: quotients are small."""
        again = self.fresh("modulo")
        self.label(again)
        self.subs_reg(register, register, by)
        self.b_if(HS, again)
        self.adds_reg(register, register, by)

    def branch_if(self, a: int, condition: str, b: int | None, label: str, near: bool = False) -> None:
        """Goes to a label if a condition holds: by a jump, which reaches further, if that is not near."""
        if b is None:
            self.cmp(a, 0)
        else:
            self.cmp_reg(a, b)
        found = _CONDITIONS[condition]
        if near:
            self.b_if(found, label)
            return
        passed = self.fresh("passed")
        self.b_if(_OPPOSITE[found], passed)
        self.b(label)
        self.label(passed)

    def jump(self, label: str) -> None:
        """Goes to a label."""
        self.b(label)
