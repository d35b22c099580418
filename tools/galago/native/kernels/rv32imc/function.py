# SPDX-License-Identifier: MIT
"""What the functions for RV32IMC share: their frame, the call's items, and how sums become bytes."""

from galago.native.kernels import ARENA, CHANNEL, FIRST, ITEMS, LAST, RECORD, SMALL_INT_0, STOP, WEIGHTS
from galago.native.kernels.rounding import Rounding
from galago.native.records import Record
from galago.native.riscv import (
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

_A, _T, _S = range(A0, A7 + 1), (*range(T0, T2 + 1), *range(T3, T6 + 1)), (S0, S1, *range(S2, S11 + 1))
REGISTERS = (*_A[:6], S0, S1, *_T, RA, *_A[6:], *_S[2:])
"""All 28 that a function may use; those that short instructions can name come first."""

_SAVED = (RA, *_S)
_ITEMS = {"record": RECORD, "arena": ARENA, "weights": WEIGHTS, "first": FIRST, "last": LAST}
_ITEMS |= {"channel": CHANNEL, "stop": STOP}
_ARGUMENTS = A3  # of fun(self, n_args, n_kw, args)


class Function(Rv32):
    """A kernel in the making: its frame holds the items of the call and local words, all by name."""

    def __init__(self, *local: str) -> None:
        super().__init__()
        names = [*_ITEMS, *local]
        self._frame = {name: 4 * i for i, name in enumerate(names)}
        self._size = 4 * (len(names) + len(_SAVED)) + 15 & -16

    def enter(self) -> None:
        """Saves registers and copies the items of the call into the frame."""
        self.addi(SP, SP, -self._size)
        for i, register in enumerate(_SAVED):
            self.sw(register, self._size - 4 * len(_SAVED) + 4 * i, SP)
        self.lw(A0, 0, _ARGUMENTS)
        self.lw(A0, ITEMS, A0)
        for name, item in _ITEMS.items():
            self.lw(A1, 4 * item, A0)
            self.store(A1, name)

    def leave(self) -> None:
        """Restores registers and returns."""
        for i, register in enumerate(_SAVED):
            self.lw(register, self._size - 4 * len(_SAVED) + 4 * i, SP)
        self.addi(SP, SP, self._size)
        self.li(A0, SMALL_INT_0)
        self.ret()

    def load(self, register: int, name: str) -> None:
        """Loads a word of the frame."""
        self.lw(register, self._frame[name], SP)

    def store(self, register: int, name: str) -> None:
        """Stores a word in the frame."""
        self.sw(register, self._frame[name], SP)

    def word(self, register: int, name: str, record: int) -> None:
        """Loads a word of the layer's record, whose address is in `record`."""
        self.lw(register, 4 * Record.word(name), record)


class Requantize:
    """Turns sums into bytes: `bounds` once, then `channel` for each channel and `store` for each of its sums.

    rounding.py has the arithmetic. `registers` are seven that it may use from `bounds` to the last `store`.
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

    def store(self, total: int, offset: int, out: int) -> None:
        """Stores a sum, which is lost, as a byte."""
        code, t = self.code, self._t
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
        above, below = code.fresh("above"), code.fresh("below")
        code.bge(total, self._lowest, above)
        code.mv(total, self._lowest)
        code.label(above)
        code.bge(self._highest, total, below)
        code.mv(total, self._highest)
        code.label(below)
        code.sb(total, offset, out)

    def prepare(self, entry: int, total: int, zero: int, t: int) -> None:
        """Prepares a channel's entry: `total` is the sum of its weights, `zero` their common factor."""
        code = self.code
        code.mul(total, total, zero)
        code.lw(t, 8, entry)
        code.sub(t, t, total)
        code.sw(t, 8, entry)
        code.lw(t, 0, entry)
        code.add(t, t, t)
        code.sw(t, 0, entry)
        code.lw(t, 4, entry)
        code.xori(t, t, -1)  # -shift - 1
        if self.rounding.doubles:
            right = code.fresh("right")
            code.bge(t, ZERO, right)
            code.li(t, 0x100)
            code.label(right)
        code.sw(t, 4, entry)
