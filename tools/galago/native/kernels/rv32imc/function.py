# SPDX-License-Identifier: MIT
"""A function for RV32IMC, and how sums become bytes there."""

from galago.native.assemblers.riscv import (
    A0,
    A1,
    A3,
    A7,
    RA,
    S0,
    S1,
    S2,
    S11,
    SP,
    T0,
    T2,
    T3,
    T6,
    ZERO,
    Rv32,
)
from galago.native.kernels import ITEMS, SMALL_INT_0
from galago.native.kernels.rounding import Rounding
from galago.native.kernels.scalar.function import ITEMS_BY_NAME
from galago.native.kernels.scalar.function import Function as Scalar

_A, _T, _S = range(A0, A7 + 1), (*range(T0, T2 + 1), *range(T3, T6 + 1)), (S0, S1, *range(S2, S11 + 1))
REGISTERS = (*_A[:6], S0, S1, *_T, RA, *_A[6:], *_S[2:])
"""All 28 that a function may use; those that short instructions can name come first."""

_SAVED = (RA, *_S)
_ARGUMENTS = A3  # of fun(self, n_args, n_kw, args)


class Function(Rv32, Scalar):
    """A kernel under construction."""

    general = REGISTERS[:8]
    doubled = True

    def enter(self) -> None:
        """Saves registers and copies the items of the call into the frame."""
        size = self._size()
        self.addi(SP, SP, -size)
        for i, register in enumerate(_SAVED, 1):
            self.sw(register, size - 4 * i, SP)
        self.lw(A0, 0, _ARGUMENTS)
        self.lw(A0, ITEMS, A0)
        for name, item in ITEMS_BY_NAME.items():
            self.lw(A1, 4 * item, A0)
            self.store(A1, name)

    def leave(self) -> None:
        """Restores registers and returns."""
        size = self._size()
        for i, register in enumerate(_SAVED, 1):
            self.lw(register, size - 4 * i, SP)
        self.addi(SP, SP, size)
        self.li(A0, SMALL_INT_0)
        self.ret()

    def _size(self) -> int:
        return 4 * (len(self._frame) + len(_SAVED)) + 15 & -16

    def load(self, register: int, name: str) -> None:
        """Loads a word of the frame."""
        self.lw(register, self._frame[name], SP)

    def store(self, register: int, name: str) -> None:
        """Stores a word in the frame."""
        self.sw(register, self._frame[name], SP)

    def load32(self, register: int, base: int, offset: int = 0) -> None:
        """Loads a word."""
        self.lw(register, offset, base)

    def store32(self, register: int, base: int, offset: int = 0) -> None:
        """Stores a word."""
        self.sw(register, offset, base)

    def load16(self, register: int, base: int, offset: int = 0) -> None:
        """Loads an unsigned half word."""
        self.lhu(register, offset, base)

    def store16(self, register: int, base: int, offset: int = 0) -> None:
        """Stores a half word."""
        self.sh(register, offset, base)

    def load8(self, register: int, base: int, offset: int = 0) -> None:
        """Loads an unsigned byte."""
        self.lbu(register, offset, base)

    def load8s(self, register: int, base: int, offset: int = 0) -> None:
        """Loads a signed byte."""
        self.lb(register, offset, base)

    def store8(self, register: int, base: int, offset: int = 0) -> None:
        """Stores a byte."""
        self.sb(register, offset, base)

    def constant(self, register: int, value: int) -> None:
        """Loads a number."""
        self.li(register, value)

    def copy(self, to: int, source: int) -> None:
        """Copies a register."""
        self.mv(to, source)

    def plus(self, to: int, a: int, b: int) -> None:
        """a + b."""
        self.add(to, a, b)

    def minus(self, to: int, a: int, b: int) -> None:
        """a - b."""
        self.sub(to, a, b)

    def increase(self, register: int, number: int) -> None:
        """Adds a number."""
        self.addi(register, register, number)

    def times(self, register: int, factor: int) -> None:
        """Multiplies a register by another."""
        self.mul(register, register, factor)

    def low_bits(self, to: int, source: int, bits: int) -> None:
        """The lowest bits of a register."""
        if bits < 12:
            self.andi(to, source, (1 << bits) - 1)
        else:
            self.slli(to, source, 32 - bits)
            self.srli(to, to, 32 - bits)

    def left(self, to: int, source: int, count: int) -> None:
        """Shifts left."""
        self.slli(to, source, count)

    def right(self, to: int, source: int, count: int) -> None:
        """Shifts right, filling with zeros."""
        self.srli(to, source, count)

    def divide(self, register: int, by: int) -> None:
        """Divides an unsigned register."""
        self.divu(register, register, by)

    def modulo(self, register: int, by: int) -> None:
        """The remainder of a register."""
        self.remu(register, register, by)

    def branch_if(self, a: int, condition: str, b: int | None, label: str, near: bool = False) -> None:
        """Goes to a label if a condition holds."""
        branches = {"==": self.beq, "!=": self.bne, "<": self.blt, ">=": self.bge, "<u": self.bltu}
        branches[condition](a, ZERO if b is None else b, label)

    def jump(self, label: str) -> None:
        """Goes to a label."""
        self.j(label)


class Requantize:
    """Turns sums into bytes: `bounds` once, then `channel` for each channel and `byte` for each of its sums.

    rounding.py has the arithmetic. `registers` are seven that it may use from `bounds` to the last `byte`.
    """

    def __init__(self, code: Function, rounding: Rounding, registers: tuple[int, ...]) -> None:
        self.code, self.rounding = code, rounding
        self._multiplier, self._right, self._zero, self._lowest, self._highest, self._t = registers[:6]
        self._left = registers[6]

    def bounds(self) -> None:
        """Loads what all channels share."""
        code = self.code
        code.load(self._t, "record")
        code.word(self._lowest, "lowest", self._t)
        code.word(self._highest, "highest", self._t)
        code.word(self._zero, "out_zero", self._t)
        code.slli(self._zero, self._zero, 1)
        code.addi(self._zero, self._zero, 1)

    def channel(self, entry: int, offset: int = 0) -> None:
        """Takes a channel's entry of the prepared table."""
        code = self.code
        code.lw(self._multiplier, offset, entry)
        code.lw(self._right, offset + 4, entry)
        if self.rounding.doubles:
            code.srli(self._left, self._right, 8)

    def byte(self, total: int, offset: int, out: int) -> None:
        """Stores a sum, which is lost, as a byte."""
        code, t = self.code, self._t
        stored = code.fresh("stored")
        if self.rounding.relu:  # a negative sum is clamped, no other can fall below the lowest
            positive = code.fresh("positive")
            code.bge(total, ZERO, positive)
            code.mv(total, self._lowest)
            code.j(stored)
            code.label(positive)
        code.mul(t, total, self._multiplier)
        code.mulhsu(total, total, self._multiplier)
        code.srli(t, t, 31)
        code.add(total, total, t)
        if self.rounding.doubles:
            code.sll(total, total, self._left)
        if not self.rounding.relu:
            code.srai(t, total, 31)
            code.add(total, total, t)
        code.sra(total, total, self._right)
        code.add(total, total, self._zero)
        code.srai(total, total, 1)
        if not self.rounding.relu:
            above = code.fresh("above")
            code.bge(total, self._lowest, above)
            code.mv(total, self._lowest)
            code.label(above)
        code.bge(self._highest, total, stored)
        code.mv(total, self._highest)
        code.label(stored)
        code.sb(total, offset, out)
