# SPDX-License-Identifier: MIT
"""The parts that all kernels for ARMv7E-M share: how they begin and end, and how a sum becomes an int8.

**Requantization.** TFLM computes h = (sum * multiplier + 2**30) >> 31, then h / 2**shift with ties away from
zero, adds the zero point and clamps. Here, exactly the same in two instructions:

    smmlar  h, sum, M, sum      M = 2 * multiplier - 2**32 as int32, so that sum * 2**32 + sum * M is
                                2 * sum * multiplier, rounded half up at bit 32
    smmlsr  y, h, F, zero       F = -2**(32 - shift): zero * 2**32 + h * 2**(32 - shift), rounded half up

A shift of 0 would need an F of 33 bits: where a layer has one, h is doubled and F halved. Half up differs
from ties away from zero for negative h alone, which `add h, h, h, asr #31` corrects. After a ReLU no
correction is needed: a negative h gives at most the zero point either way, which is the lowest output. The
table of a layer holds M, half of F and the bias of each channel.
"""

from dataclasses import dataclass

from galago.native.assemblers.thumb import GT, LR, LT, PC, R0, R3, R4, R5, R6, R7, R8, R9, R10, R11
from galago.native.assemblers.thumb2 import Thumb2
from galago.native.kernels import ITEMS, SMALL_INT_0
from galago.tflite.records import Record

ENTRY = 12
"""Bytes of an entry of the table."""
M, HALF_F, BIAS = 0, 4, 8
"""Where in it."""


MOST_REACH = 1 << 30
"""Below it a sum can be doubled (`Output.doubled`)."""
MOST_ROWS = 7
"""Of a window."""


class Stack:
    """Words of the stack of convolutions, from SP on. The first seven are loaded together."""

    ZERO, M_0, F_0, M_1, F_1, OUT, STRIDE, BIAS_0, BIAS_1, LEFT = (4 * i for i in range(10))
    W, X, WORDS, SOURCE, TABLE, CHANNELS, OUT_0, PIXELS, LOOPS = (4 * i for i in range(10, 19))
    BYTES, ROW, LAST, CURSOR, RECORD, LIMIT, LINE, INPUT = (4 * i for i in range(19, 27))
    ROWS = 4 * 27


FRAME = Stack.ROWS + 4 * MOST_ROWS
"""Bytes of it."""


def enter(code: Thumb2, frame: int) -> None:
    """Saves the registers, makes room for `frame` bytes of stack; r0 = the block's words."""
    code.push(R4, R5, R6, R7, R8, R9, R10, R11, LR)
    code.add_sp(-frame)
    code.ldr(R0, R3)
    code.ldr(R0, R0, ITEMS)


def leave(code: Thumb2, frame: int) -> None:
    """Restores what `enter` saved, and returns."""
    code.add_sp(frame)
    code.movs(R0, SMALL_INT_0)
    code.pop(R4, R5, R6, R7, R8, R9, R10, R11, PC)


def block(code: Thumb2, register: int, word: int) -> None:
    """register = a word of the block at r0: RECORD, ARENA …"""
    code.ldr(register, R0, 4 * word)


def field(code: Thumb2, register: int, record: int, name: str) -> None:
    """register = a word of the record at `record`, by its name in record.toml."""
    code.ldr(register, record, 4 * Record.word(name))


def minus_zero(code: Thumb2, register: int, record: int) -> None:
    """Registers: minus the input's zero point, in both halves."""
    field(code, register, record, "in_zero")
    code.alu("rsbs", register, register)
    code.pkhbt(register, register, register, lsl=16)


def minus_weight_zero(code: Thumb2, register: int, record: int) -> None:
    """Registers: minus the weights' zero point, in both halves."""
    field(code, register, record, "weight_offset")
    code.alu("rsbs", register, register)
    code.addw(register, register, 128)
    code.pkhbt(register, register, register, lsl=16)


def modulo(code: Thumb2, value: int, divisor: int, spare: int) -> None:
    """Registers: value %= divisor."""
    code.udiv(spare, value, divisor)
    code.mls(value, spare, divisor, value)


@dataclass(frozen=True)
class Output:
    """The properties of a layer that requantization depends on."""

    relu: bool
    doubled: bool
    lowest: int
    highest: int

    @classmethod
    def of(cls, record: Record) -> "Output":
        """The properties of a layer."""
        doubled = 0 in record.shifts
        return cls(record.lowest == record.out_zero, doubled, record.lowest, record.highest)

    @property
    def name(self) -> str:
        """The end of a function's name; empty for the layers of MobileNets."""
        clamps = "" if self.whole else f"_{self.lowest}_{self.highest}".replace("-", "m")
        return ("" if self.relu else "_linear") + ("_doubled" if self.doubled else "") + clamps

    @property
    def whole(self) -> bool:
        """Whether the output is clamped to the whole range of int8."""
        return (self.lowest, self.highest) == (-128, 127)

    def factors(self, code: Thumb2, *registers: int) -> None:
        """Registers: what the table holds for F becomes what `requantize` needs."""
        if not self.doubled:
            for register in registers:
                code.lsls(register, register, 1)

    def requantize(self, code: Thumb2, sums: list[int], multiplier: int, factor: int, zero: int) -> None:
        """Registers: each of `sums` becomes the int8, from M, F and the zero point."""
        for h in sums:
            code.smmlar(h, h, multiplier, h)
        if self.doubled:  # first: then the correction of ties changes nothing where the shift is 0
            for h in sums:
                code.add(h, h, h)
        if not self.relu:
            for h in sums:
                code.add(h, h, h, asr=31)
        for h in sums:
            code.smmlsr(h, h, factor, zero)
        for h in sums:
            if self.whole:
                code.ssat8(h, h)
                continue
            for limit, condition in ((self.lowest, LT), (self.highest, GT)):
                code.cmp(h, limit)
                code.it(condition)
                code.load(h, limit)


def requantizable(record: Record) -> bool:
    """Whether every channel's shift is one that F can hold: not to the left.

    Shifts below -31 TFLM flushes to a product of 0, as an F of 0 does.
    """
    if not record.ordinary:
        return False
    fits = 0 not in record.shifts or max(record.reach) < MOST_REACH
    return fits and all(-250 <= shift <= 0 for shift in record.shifts)
