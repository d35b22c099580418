# SPDX-License-Identifier: MIT
"""ADD of two tensors of one shape, each through a table of its 256 values, like the viper kernel.

Scratch: the tables. The output may lie on either input: four bytes of both are read before they are written.
"""

from dataclasses import dataclass

from galago.native.assemblers.thumb import LR, NE, R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10, R11, R12
from galago.native.assemblers.thumb2 import Thumb2
from galago.native.kernels import ARENA, FIRST, LAST, RECORD
from galago.native.kernels.armv7em.frame import Output, block, enter, field, leave
from galago.tflite.records import Record

_TABLE = 1024  # bytes of one
# Words of the record: multipliers of the sum and of the inputs, each followed by its shift; a zero point.
_SUM, _FIRST, _SECOND = map(Record.word, ("sum_multiplier", "multiplier_1", "multiplier_2"))
_ZERO_2 = Record.word("zero_2")


@dataclass(frozen=True)
class Add:
    """The properties of a layer that its function depends on."""

    output: Output

    @classmethod
    def of(cls, record: Record) -> "Add | None":
        """The properties of a layer, or None if no kernel computes it: no multiplier may be flushed to 0."""
        multipliers = [record.words[word] for word in (_SUM, _FIRST, _SECOND)]
        if not all(multipliers) or record.in_w * record.in_c % 4:
            return None
        if record.constant or record.count != record.out_h * record.out_w * record.out_c:
            return None  # the second input repeats
        # Sums have 29 bits, so that h can be doubled, which fits any shift.
        relu = record.lowest == record.out_zero
        return cls(Output(relu, True, record.lowest, record.highest))

    @property
    def name(self) -> str:
        """The name of the function."""
        return f"add{self.output.name}"

    def scratch(self, record: Record, rows: int) -> int:
        """Bytes of scratch, for any number of rows."""
        return 2 * _TABLE

    def code(self) -> bytes:
        """The machine code of the function."""
        code = Thumb2()
        first, second, out, end, table, multiplier, factor, zero = R0, R1, R2, R3, R4, R5, R6, R7
        x, y, even, odd, spare, table_2 = R8, R9, R10, R11, R12, LR
        enter(code, 0)
        block(code, R1, RECORD)
        block(code, R2, ARENA)
        block(code, R3, FIRST)
        block(code, R9, LAST)
        field(code, table, R1, "scratch")
        code.adds_reg(table, table, R2)
        code.cmp(R3, 0)
        code.bw_if(NE, "tables done")
        for number, (word, zero_word) in enumerate(((_FIRST, Record.word("in_zero")), (_SECOND, _ZERO_2))):
            _fill(code, number, word, zero_word)
        code.label("tables done")
        # The bytes before these rows, and behind them.
        field(code, R6, R1, "in_w")
        field(code, R7, R1, "in_c")
        code.muls(R6, R7)
        code.mul(R9, R9, R6)
        code.muls(R3, R6)
        code.add(R8, R2, R3)
        field(code, R7, R1, "output")
        code.add(R10, R8, R7)
        field(code, R7, R1, "second")
        code.add(R11, R8, R7)
        field(code, R7, R1, "input")
        code.add(R8, R8, R7)
        code.add(R9, R9, R2)
        code.add(R9, R9, R7)
        _factors(code, R1, _SUM, multiplier, factor)
        field(code, zero, R1, "out_zero")
        code.mov(first, R8)
        code.mov(second, R11)
        code.mov(out, R10)
        code.mov(end, R9)
        code.addw(table_2, table, _TABLE)
        code.label("words")
        code.ldr(x, first, after=4)
        code.ldr(y, second, after=4)
        for at in (0, 16):
            for sum_, byte in ((even, at), (odd, at + 8)):
                code.ubfx(sum_, x, byte, 8)
                code.at("ldr", sum_, table, sum_, lsl=2)
                code.ubfx(spare, y, byte, 8)
                code.at("ldr", spare, table_2, spare, lsl=2)
                code.add(sum_, sum_, spare)
            self.output.requantize(code, [even, odd], multiplier, factor, zero)
            code.bfi(even, odd, 8, 24)
            code.strh(even, out, after=2)
        code.cmp_reg(first, end)
        code.bw_if(NE, "words")
        leave(code, 0)
        return code.finish()


def _factors(code: Thumb2, record: int, word: int, multiplier: int, factor: int) -> None:
    """Registers: M and half of F (frame.py), from a multiplier of the record and its shift."""
    code.ldr(factor, record, 4 * word + 4)
    code.adds(factor, factor, 31)
    code.load(multiplier, -1)
    code.lsl_reg(factor, multiplier, factor)
    code.ldr(multiplier, record, 4 * word)
    code.lsls(multiplier, multiplier, 1)


def _fill(code: Thumb2, number: int, word: int, zero_word: int) -> None:
    """A table, by the byte of an int8 x: (x - zero) << 20 times a multiplier of the record and its shift."""
    loop = f"table {number}"
    target, multiplier, factor, left, h, offset, nothing, top, step = R0, R5, R6, R7, R8, R10, R11, R12, LR
    _factors(code, R1, word, multiplier, factor)
    code.ldr(R0, R1, 4 * zero_word)
    code.lsl(offset, R0, 20)
    code.addw(target, R4, number * _TABLE)
    code.load(left, _TABLE // 4)
    code.load(nothing, 0)
    code.load(top, 0)  # the byte in the upper eight bits
    code.load(step, 1 << 24)
    code.label(loop)
    code.asr(h, top, 4)
    code.sub(h, h, offset)
    code.smmlar(h, h, multiplier, h)
    code.add(h, h, h, asr=31)
    code.add(h, h, h)
    code.smmlsr(h, h, factor, nothing)
    code.str_(h, target, after=4)
    code.add(top, top, step)
    code.subs(left, left, 1)
    code.bne(loop)
