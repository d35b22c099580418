# SPDX-License-Identifier: MIT
"""A function for Xtensa, and how sums become bytes there."""

from galago.native.assemblers.xtensa import A2, A3, A5, A15, SP, Xtensa
from galago.native.kernels import ITEMS, SMALL_INT_0
from galago.native.kernels.rounding import Rounding
from galago.native.kernels.scalar.function import ITEMS_BY_NAME
from galago.native.kernels.scalar.function import Function as Scalar

REGISTERS = tuple(range(A2, A15 + 1))
"""All 14 that a function may use."""

_WINDOWS = 32  # bytes at the top of a frame where registers of earlier windows may be spilled
_ARGUMENTS = A5  # of fun(self, n_args, n_kw, args)
_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", "<u": ">=u"}


class Function(Xtensa, Scalar):
    """A kernel under construction."""

    general = REGISTERS[:8]
    keeps_sums = True

    def enter(self) -> None:
        """Takes a window and copies the items of the call into the frame."""
        self.entry(4 * len(self._frame) + _WINDOWS + 15 & -16)
        self.l32i(A2, _ARGUMENTS, 0)
        self.l32i(A2, A2, ITEMS)
        for name, item in ITEMS_BY_NAME.items():
            self.l32i(A3, A2, 4 * item)
            self.store(A3, name)

    def leave(self) -> None:
        """Returns."""
        self.movi(A2, SMALL_INT_0)
        self.retw()

    def load(self, register: int, name: str) -> None:
        """Loads a word of the frame."""
        self.l32i(register, SP, self._frame[name])

    def store(self, register: int, name: str) -> None:
        """Stores a word in the frame."""
        self.s32i(register, SP, self._frame[name])

    def load32(self, register: int, base: int, offset: int = 0) -> None:
        """Loads a word."""
        self.l32i(register, base, offset)

    def store32(self, register: int, base: int, offset: int = 0) -> None:
        """Stores a word."""
        self.s32i(register, base, offset)

    def load16(self, register: int, base: int, offset: int = 0) -> None:
        """Loads an unsigned half word."""
        self.l16ui(register, base, offset)

    def store16(self, register: int, base: int, offset: int = 0) -> None:
        """Stores a half word."""
        self.s16i(register, base, offset)

    def load8(self, register: int, base: int, offset: int = 0) -> None:
        """Loads an unsigned byte."""
        self.l8ui(register, base, offset)

    def load8s(self, register: int, base: int, offset: int = 0) -> None:
        """Loads a signed byte."""
        self.l8ui(register, base, offset)
        self.sext(register, register, 7)

    def store8(self, register: int, base: int, offset: int = 0) -> None:
        """Stores a byte."""
        self.s8i(register, base, offset)

    def constant(self, register: int, value: int) -> None:
        """Loads a number."""
        self.movi(register, value)

    def copy(self, to: int, source: int) -> None:
        """Copies a register."""
        self.mov(to, source)

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
        self.mull(register, register, factor)

    def low_bits(self, to: int, source: int, bits: int) -> None:
        """The lowest bits of a register."""
        if bits <= 16:
            self.extui(to, source, 0, bits)
        else:
            self.slli(to, source, 32 - bits)
            self.right(to, to, 32 - bits)

    def left(self, to: int, source: int, count: int) -> None:
        """Shifts left."""
        self.slli(to, source, count)

    def right(self, to: int, source: int, count: int) -> None:
        """Shifts right, filling with zeros."""
        if count < 16:
            self.srli(to, source, count)
        else:
            self.extui(to, source, count, 32 - count)

    def divide(self, register: int, by: int) -> None:
        """Divides an unsigned register."""
        self.quou(register, register, by)

    def modulo(self, register: int, by: int) -> None:
        """The remainder of a register."""
        self.remu(register, register, by)

    def branch_if(self, a: int, condition: str, b: int | None, label: str, near: bool = False) -> None:
        """Goes to a label if a condition holds: by a jump, which reaches further, if that is not near."""
        if near:
            self._branch(a, condition, b, label)
            return
        passed = self.fresh("passed")
        self._branch(a, _OPPOSITE[condition], b, passed)
        self.j(label)
        self.label(passed)

    def _branch(self, a: int, condition: str, b: int | None, label: str) -> None:
        if b is None:
            branches = {"==": self.beqz, "!=": self.bnez, "<": self.bltz, ">=": self.bgez}
            branches[condition](a, label)
            return
        branches = {"==": self.beq, "!=": self.bne, "<": self.blt, ">=": self.bge}
        branches |= {"<u": self.bltu, ">=u": self.bgeu}
        branches[condition](a, b, label)

    def jump(self, label: str) -> None:
        """Goes to a label."""
        self.j(label)


class Requantize:
    """Turns sums into bytes: `bounds` once, then `channel` for each channel and `byte` for each of its sums.

    rounding.py has the arithmetic. A product of 32 by 31 bits is put together from halves: QEMU has no core
    with the instructions that give its upper word. `registers` are eight that it may use, and SAR, from
    `bounds` to the last `byte`; it needs FRAME.
    """

    FRAME = ("lowest", "double", "low", "high", "zeros", "highest")

    def __init__(self, code: Function, rounding: Rounding, registers: tuple[int, ...]) -> None:
        self.code, self.rounding = code, rounding
        self._low, self._high, self._zero, self._highest, self._half = registers[:5]
        self._t, self._u, self._v = registers[5:8]

    def bounds(self) -> None:
        """Loads what all channels share."""
        code = self.code
        code.load(self._t, "record")
        code.word(self._u, "lowest", self._t)
        code.store(self._u, "lowest")
        code.word(self._highest, "highest", self._t)
        code.word(self._zero, "out_zero", self._t)
        code.add(self._zero, self._zero, self._zero)
        code.addi(self._zero, self._zero, 1)
        self._load_half()

    def channel(self, entry: int, offset: int = 0) -> None:
        """Takes a channel's entry of the prepared table."""
        code = self.code
        code.l16ui(self._low, entry, offset)
        code.l16ui(self._high, entry, offset + 2)
        code.l32i(self._t, entry, offset + 4)
        code.ssr(self._t)
        if self.rounding.doubles:
            code.srai(self._t, self._t, 8)
            code.neg(self._t, self._t)
            code.store(self._t, "double")

    def save(self) -> None:
        """Keeps in the frame, and in SAR, what `bounds` and `channel` took."""
        for name, register in self._kept():
            self.code.store(register, name)

    def restore(self) -> None:
        """Loads what `save` kept, where the registers were used for something else."""
        for name, register in self._kept():
            self.code.load(register, name)
        self._load_half()

    def _kept(self) -> tuple[tuple[str, int], ...]:
        return ("low", self._low), ("high", self._high), ("zeros", self._zero), ("highest", self._highest)

    def _load_half(self) -> None:
        self.code.movi(self._half, 1)
        self.code.slli(self._half, self._half, 14)

    def byte(self, total: int, offset: int, out: int) -> None:
        """Stores a sum, which is lost, as a byte."""
        code, t, u, v = self.code, self._t, self._u, self._v
        stored = code.fresh("stored")
        if self.rounding.relu:  # a negative sum is clamped, no other can fall below the lowest
            positive = code.fresh("positive")
            code.bgez(total, positive)
            code.load(total, "lowest")
            code.j(stored)
            code.label(positive)
        code.mul16u(t, total, self._low)
        code.extui(t, t, 16, 16)
        code.mul16u(u, total, self._high)
        code.add(u, u, t)  # middle: the lower half by both halves
        code.srai(total, total, 16)
        code.mull(t, total, self._low)
        code.extui(v, u, 0, 16)
        code.add(t, t, v)
        code.add(t, t, self._half)
        code.srai(t, t, 15)
        code.mull(total, total, self._high)
        code.extui(u, u, 16, 16)
        code.add(total, total, u)
        code.addx2(total, total, t)
        if self.rounding.doubles:
            code.load(t, "double")
            code.and_(t, total, t)
            code.add(total, total, t)
        if not self.rounding.relu:
            code.srai(t, total, 31)
            code.add(total, total, t)
        code.sra(total, total)
        code.add(total, total, self._zero)
        code.srai(total, total, 1)
        if not self.rounding.relu:
            code.load(t, "lowest")
            code.max_(total, total, t)
        code.min_(total, total, self._highest)
        code.label(stored)
        code.s8i(total, out, offset)
