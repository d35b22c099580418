# SPDX-License-Identifier: MIT
"""The parts that all Helium kernels share: how they begin and end, and how sums become int8.

**Requantization.** Of four sums at a time, exactly as TFLM:

    vadd.i32      s, s, bias
    vqrdmulh.s32  h, s, multiplier      (s * multiplier + 2**30) >> 31
    vrshl.s32     y, h, shift           h / 2**-shift, rounded half up
    vqadd.s16     y, y, zero            after vqmovn has saturated words to halves, and before halves to bytes

TFLM rounds ties away from zero. That differs from half up for negative h alone, to which -1 is added first,
unless the shift is 0. After a ReLU no correction is needed: a negative h gives at most the zero point either
way, which is the lowest output.

**The table** of a layer holds the multiplier, the shift (negative: to the right) and the bias of each
channel. Products are of the bytes as they are: therefore the input's zero point times the sum of the
channel's weights is subtracted from the bias.
"""

from dataclasses import dataclass

from galago.native.assemblers.helium import Helium
from galago.native.assemblers.thumb import LR, PC, R0, R2, R3, R4, R5, R6, R7, R8, R9, R10, R11, R12
from galago.native.kernels import ITEMS, SMALL_INT_0
from galago.tflite.records import Record

ENTRY = 12
"""Bytes of an entry of the table."""
MULTIPLIER, SHIFT, BIAS = 0, 4, 8
"""Where in it."""
VECTOR = 16
"""Bytes of a vector."""
SUMS = (R0, R2, R4, R6, R8, R10, R12, LR)
"""The registers that vmlav can add to."""


def enter(code: Helium, frame: int) -> None:
    """Saves the registers, makes room for `frame` bytes of stack; r0 = the block's words."""
    code.push(R4, R5, R6, R7, R8, R9, R10, R11, LR)
    code.vpush()
    code.add_sp(-frame)
    code.ldr(R0, R3)
    code.ldr(R0, R0, ITEMS)


def leave(code: Helium, frame: int) -> None:
    """Restores what `enter` saved, and returns."""
    code.add_sp(frame)
    code.vpop()
    code.movs(R0, SMALL_INT_0)
    code.pop(R4, R5, R6, R7, R8, R9, R10, R11, PC)


def block(code: Helium, register: int, word: int) -> None:
    """register = a word of the block at r0: RECORD, ARENA …"""
    code.ldr(register, R0, 4 * word)


def field(code: Helium, register: int, record: int, name: str) -> None:
    """register = a word of the record at `record`, by its name in record.toml."""
    code.ldr(register, record, 4 * Record.word(name))


def modulo(code: Helium, value: int, divisor: int, spare: int) -> None:
    """Registers: value %= divisor."""
    code.udiv(spare, value, divisor)
    code.mls(value, spare, divisor, value)


def fill(code: Helium, at: int, size: int, vector: int) -> None:
    """`size` bytes at `at`, which moves past them and up to 15 more, from a vector. Uses lr."""
    loop, end = code.fresh("fill"), code.fresh("filled")
    code.wlstp(size, end)
    code.label(loop)
    code.vstrb(vector, at, after=VECTOR)
    code.letp(loop)
    code.label(end)


@dataclass(frozen=True)
class Output:
    """The properties of a layer that requantization depends on."""

    relu: bool
    unshifted: bool
    """Whether some channels shift by 0."""
    lowest: int
    highest: int

    @classmethod
    def of(cls, record: Record) -> "Output":
        """The properties of a layer."""
        relu = record.lowest == record.out_zero
        return cls(relu, not relu and 0 in record.shifts, record.lowest, record.highest)

    @property
    def name(self) -> str:
        """The end of a function's name; empty for the layers of MobileNets."""
        whole = (self.lowest, self.highest) == (-128, 127)
        clamps = "" if whole else f"_{self.lowest}_{self.highest}".replace("-", "m")
        return ("" if self.relu else "_linear") + ("_unshifted" if self.unshifted else "") + clamps

    def away(self, code: Helium, h: int, shift: int, spare: int) -> None:
        """Vectors: adds -1 to negative h whose shift is not 0, unless there was a ReLU."""
        if self.relu:
            return
        if self.unshifted:
            code.vand(spare, h, shift)
            code.vshr(spare, spare, 31, signed=True)
        else:
            code.vshr(spare, h, 31, signed=True)
        code.vadd(h, h, spare)

    def narrow(self, code: Helium, even: int, odd: int, zero: int, spare: int, register: int) -> None:
        """Vectors: words of `even` and `odd` → bytes of the lower and the upper halves of `even`'s words.

        `zero` is the register with the zero point; the vector `spare` and `register` are used for clamps.
        """
        code.vqmovn(even, even, 4, top=False)
        code.vqmovn(even, odd, 4, top=True)
        code.vqadd_reg(even, even, zero)
        code.vqmovn(even, even, 2, top=False)
        for limit, whole, clamp in ((self.lowest, -128, code.vmax), (self.highest, 127, code.vmin)):
            if limit != whole:
                code.load(register, limit)
                code.vdup(spare, register, 1)
                clamp(even, even, spare)


def requantizable(record: Record) -> bool:
    """Whether Helium code computes a layer: no shift is to the left, no weights have a zero point."""
    return record.ordinary and not record.shifted and all(shift <= 0 for shift in record.shifts)
