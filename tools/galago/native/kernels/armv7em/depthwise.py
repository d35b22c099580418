# SPDX-License-Identifier: MIT
"""DEPTHWISE_CONV_2D, 3 x 3, stride 1 or 2: four channels of a row at a time, packed column by column.

Of the three input rows of an output row, the first two are packed in pairs of int16, the third by itself. The
zero point is subtracted at the same time, so that rows and columns outside the picture are zeros. A column of
four channels is six words:

    [row 0, row 1] of channels 0, 1, 2, 3;  row 2 of channels 0 and 2;  row 2 of channels 1 and 3

Each channel is then computed along the columns with its weights in registers, by SMLAD and SMLAxx, six
instructions for nine products; its sums replace the columns. Two channels at a time become bytes.
Scratch: table, weights of the run (five words a channel), columns.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

from galago.native.assemblers.thumb import (
    EQ,
    GE,
    GT,
    HS,
    LR,
    LT,
    NE,
    R0,
    R1,
    R2,
    R3,
    R4,
    R5,
    R6,
    R7,
    R8,
    R9,
    R10,
    R11,
    R12,
    SP,
)
from galago.native.assemblers.thumb2 import Thumb2
from galago.native.kernels import ARENA, FIRST, LAST, RECORD, WEIGHTS
from galago.native.kernels.armv7em.frame import (
    BIAS,
    ENTRY,
    M,
    Output,
    block,
    enter,
    field,
    leave,
    minus_weight_zero,
    minus_zero,
    modulo,
)
from galago.tflite.records import Record

_GROUP = 4  # channels
_WEIGHTS = 20  # bytes of a channel: three pairs of rows 0 and 1, then row 2
_COLUMN = 24  # bytes
_LOWER = (16, 20, 18, 22)  # where in a column row 2 of each channel is

# Words of the stack, from SP on.
_ZERO, _STRIDE, _TABLE_0, _WEIGHTS_0, _COLUMNS, _ROW, _LAST, _INPUT, _LINE, _OUT, _OUT_W = (
    4 * i for i in range(11)
)
_START, _END, _RECORD, _ROWS, _TABLE, _KERNEL, _OFFSET = (4 * i for i in (*range(11, 15), 17, 18, 19))
_SUMS, _STEP = 4 * 20, 4 * 21  # sums of a row, and bytes from one that becomes an output to the next
_FRAME = 4 * 22


@dataclass(frozen=True)
class Depthwise:
    """The properties of a layer that its function depends on."""

    stride: int
    """1 or 2; 0 for both: then sums are computed for every column, and the record says which are stored."""
    output: Output

    @classmethod
    def of(cls, record: Record) -> "Depthwise | None":
        """The properties of a layer, or None if no kernel computes it."""
        square = record.k_h == record.k_w == 3 and record.s_h == record.s_w and record.s_h in (1, 2)
        if (
            not square
            or record.in_c != record.out_c
            or record.out_c % _GROUP
            or max(record.p_t, record.p_l) > 1
        ):
            return None
        return cls(record.s_h, Output.of(record))

    @classmethod
    def shared(cls, functions: "Collection[Depthwise]") -> "Depthwise":
        """One function for the layers of several, whose outputs differ by `relu` at most."""
        strides = {function.stride for function in functions}
        relu = all(function.output.relu for function in functions)
        output = next(iter(functions)).output
        return cls(strides.pop() if len(strides) == 1 else 0, replace(output, relu=relu))

    @property
    def name(self) -> str:
        """The name of the function."""
        return f"depthwise_{self.stride or 'any'}{self.output.name}"

    def scratch(self, record: Record, rows: int) -> int:
        """Bytes of scratch, for any number of rows."""
        columns = (record.out_w - 1) * record.s_w + 3
        return (ENTRY + _WEIGHTS) * record.out_c + _COLUMN * columns

    def code(self) -> bytes:
        """The machine code of the function."""
        code = Thumb2()
        enter(code, _FRAME)
        self._set_up(code)
        block(code, R1, FIRST)
        code.cmp(R1, 0)
        code.bw_if(NE, "weights done")
        _expand_weights(code)
        code.label("weights done")
        code.label("row")
        self._find_rows(code)
        code.label("group")
        _pack(code)
        for channel in range(_GROUP):
            self._sums(code, channel)
        for channel in range(0, _GROUP, 2):
            self._store(code, channel)
        self._next(code)
        leave(code, _FRAME)
        return code.finish()

    def _set_up(self, code: Thumb2) -> None:
        """Fills the stack and the columns right of the picture; leaves the block at r0."""
        record, arena, channels = R1, R2, R3
        block(code, record, RECORD)
        block(code, arena, ARENA)
        code.str_(record, SP, _RECORD)
        field(code, channels, record, "out_c")
        code.str_(channels, SP, _STRIDE)
        field(code, R4, record, "scratch")
        code.adds_reg(R4, R4, arena)
        code.str_(R4, SP, _TABLE_0)
        code.movs(R5, ENTRY)
        code.mla(R4, channels, R5, R4)
        code.str_(R4, SP, _WEIGHTS_0)
        code.movs(R5, _WEIGHTS)
        code.mla(R4, channels, R5, R4)
        code.str_(R4, SP, _COLUMNS)
        field(code, R5, record, "out_zero")
        code.str_(R5, SP, _ZERO)
        field(code, R5, record, "input")
        code.adds_reg(R5, R5, arena)
        code.str_(R5, SP, _INPUT)
        field(code, R5, record, "in_w")
        code.mul(R6, R5, channels)
        code.str_(R6, SP, _LINE)
        # Columns in all, of them before the picture, and in it.
        field(code, R6, record, "out_w")
        code.str_(R6, SP, _OUT_W)
        code.movs(R7, _COLUMN)
        if self.stride == 0:
            field(code, R3, record, "s_w")
            code.subs(R6, R6, 1)
            code.muls(R6, R3)
            code.adds(R6, R6, 1)
            code.str_(R6, SP, _SUMS)
            code.mul(R3, R3, R7)
            code.str_(R3, SP, _STEP)
        elif self.stride == 2:
            code.lsls(R6, R6, 1)
            code.subs(R6, R6, 1)
        code.adds(R6, R6, 2)
        code.mla(R9, R6, R7, R4)  # the end of the columns
        field(code, R8, record, "p_l")
        code.mla(R4, R8, R7, R4)
        code.str_(R4, SP, _START)
        code.sub(R6, R6, R8)
        code.cmp_reg(R6, R5)
        code.it(GT)
        code.mov(R6, R5)
        code.mla(R4, R6, R7, R4)
        code.str_(R4, SP, _END)
        code.movs(R5, 0)
        code.label("right")
        code.cmp_reg(R4, R9)
        code.b_if(HS, "right done")
        code.str_(R5, R4, after=4)
        code.b("right")
        code.label("right done")
        block(code, R4, LAST)
        code.str_(R4, SP, _LAST)
        block(code, R4, FIRST)
        code.str_(R4, SP, _ROW)

    def _find_rows(self, code: Thumb2) -> None:
        """The addresses of the three input rows, 0 for one outside; the first output; the first group."""
        record, first, height, line = R1, R2, R3, R4
        code.ldr(record, SP, _RECORD)
        code.ldr(first, SP, _ROW)
        field(code, R5, record, "output_rows")
        code.mov(R0, first)
        modulo(code, R0, R5, R6)
        code.ldr(R5, SP, _OUT_W)
        code.muls(R0, R5)
        code.ldr(R5, SP, _STRIDE)
        code.muls(R0, R5)
        block_at = R6
        field(code, block_at, record, "output")
        code.adds_reg(R0, R0, block_at)
        code.ldr(R5, SP, _INPUT)
        code.adds_reg(R0, R0, R5)
        field(code, block_at, record, "input")
        code.subs_reg(R0, R0, block_at)
        code.str_(R0, SP, _OUT)
        if self.stride == 0:
            field(code, R0, record, "s_h")
            code.muls(first, R0)
        elif self.stride == 2:
            code.lsls(first, first, 1)
        field(code, R0, record, "p_t")
        code.subs_reg(first, first, R0)
        field(code, height, record, "in_h")
        code.ldr(line, SP, _LINE)
        for row in range(3):
            outside = code.fresh("outside")
            code.movs(R0, 0)
            code.cmp_reg(first, height)
            code.b_if(HS, outside)
            field(code, R6, record, "input_rows")
            code.mov(R7, first)
            modulo(code, R7, R6, R8)
            code.mla(R0, R7, line, R5)
            code.label(outside)
            code.str_(R0, SP, _ROWS + 4 * row)
            code.adds(first, first, 1)
        code.ldrd(R0, R1, SP, _TABLE_0)
        code.strd(R0, R1, SP, _TABLE)
        code.movs(R0, 0)
        code.str_(R0, SP, _OFFSET)

    def _sums(self, code: Thumb2, channel: int) -> None:
        """The sums of a channel's row, from its columns, to those of them that outputs begin at."""
        column, count, w0, w1, w2, lower_01, lower_2, bias = R0, R1, R2, R3, R4, R5, R6, R7
        pair, lower = R11, R12
        code.ldr(LR, SP, _TABLE)
        code.ldr(bias, LR, ENTRY * channel + BIAS)
        code.ldr(LR, SP, _KERNEL)
        if channel:
            code.addw(LR, LR, _WEIGHTS * channel)
        code.ldm(LR, w0, w1, w2, lower_01, lower_2, stay=True)
        code.ldr(column, SP, _COLUMNS)
        code.ldr(count, SP, _OUT_W if self.stride else _SUMS)

        def load(first: bool = False) -> None:
            if first:
                code.addw(column, column, 4 * channel)
            code.ldr(pair, column, after=_COLUMN)
            code.ldrsh(lower, column, _LOWER[channel] - 4 * channel - _COLUMN)

        def left(sum_: int) -> None:
            code.smlad(sum_, pair, w0, bias)
            code.smlabb(sum_, lower, lower_01, sum_)

        def middle(sum_: int) -> None:
            code.smlad(sum_, pair, w1, sum_)
            code.smlabt(sum_, lower, lower_01, sum_)

        def right(sum_: int) -> None:
            code.smlad(sum_, pair, w2, sum_)
            code.smlabb(sum_, lower, lower_2, sum_)
            code.str_(sum_, column, -3 * _COLUMN)

        loop, rest, done = code.fresh("columns"), code.fresh("rest"), code.fresh("done")
        load(first=True)
        left(R8)
        if self.stride == 2:
            code.label(loop)
            load()
            middle(R8)
            load()
            right(R8)
            left(R8)
            code.subs(count, count, 1)
            code.bne(loop)
            return
        load()
        middle(R8)
        left(R9)
        turns = [(R8, R9, R10), (R9, R10, R8), (R10, R8, R9)]

        def output(turn: int) -> None:
            load()
            oldest, next_, newest = turns[turn]
            right(oldest)
            middle(next_)
            left(newest)

        code.subs(count, count, 3)
        code.b_if(LT, rest)
        code.label(loop)
        for turn in range(3):
            output(turn)
        code.subs(count, count, 3)
        code.b_if(GE, loop)
        code.label(rest)
        code.adds(count, count, 3)
        code.b_if(EQ, done)
        output(0)
        code.cmp(count, 1)
        code.b_if(EQ, done)
        output(1)
        code.label(done)

    def _store(self, code: Thumb2, channel: int) -> None:
        """The bytes of two channels' row, from their sums."""
        zero, m_0, f_0, m_1, f_1, out, stride, column, count = R0, R1, R2, R3, R4, R5, R6, R7, R8
        loop, done = code.fresh("pixels"), code.fresh("stored")
        code.ldr(R5, SP, _TABLE)
        code.ldrd(m_0, f_0, R5, ENTRY * channel + M)
        code.ldrd(m_1, f_1, R5, ENTRY * (channel + 1) + M)
        self.output.factors(code, f_0, f_1)
        code.ldrd(zero, stride, SP, _ZERO)
        code.ldr(column, SP, _COLUMNS)
        code.ldrd(out, count, SP, _OUT)
        if channel:
            code.adds(column, column, 4 * channel)
            code.adds(out, out, channel)
        if not self.stride:
            code.ldr(LR, SP, _STEP)
        code.label(loop)
        for even, odd in ((R9, R10), (R11, R12)):
            if self.stride:
                code.ldrd(even, odd, column, after=_COLUMN * self.stride)
            else:
                code.ldrd(even, odd, column)
                code.add(column, column, LR)
        self.output.requantize(code, [R9, R11], m_0, f_0, zero)
        self.output.requantize(code, [R10, R12], m_1, f_1, zero)
        code.bfi(R9, R10, 8, 24)
        code.bfi(R11, R12, 8, 24)
        code.strh(R9, out)
        code.subs(count, count, 2)
        code.b_if(LT, done)
        code.at("strh", R11, out, stride)
        code.add(out, out, stride, lsl=1)
        code.b_if(GT, loop)
        code.label(done)

    def _next(self, code: Thumb2) -> None:
        """Continues with the next group, or the next row."""
        code.ldrd(R0, R1, SP, _TABLE)
        code.adds(R0, R0, ENTRY * _GROUP)
        code.adds(R1, R1, _WEIGHTS * _GROUP)
        code.strd(R0, R1, SP, _TABLE)
        code.ldr(R0, SP, _OUT)
        code.adds(R0, R0, _GROUP)
        code.str_(R0, SP, _OUT)
        code.ldr(R0, SP, _OFFSET)
        code.adds(R0, R0, _GROUP)
        code.str_(R0, SP, _OFFSET)
        code.ldr(R1, SP, _STRIDE)
        code.cmp_reg(R0, R1)
        code.bw_if(LT, "group")
        code.ldrd(R0, R1, SP, _ROW)
        code.adds(R0, R0, 1)
        code.str_(R0, SP, _ROW)
        code.cmp_reg(R0, R1)
        code.bw_if(LT, "row")


def _expand_weights(code: Thumb2) -> None:
    """The weights of all channels as `_sums` needs them. The block is at r0."""
    row_0, row_1, row_2, offset, target, minus, left = R0, R1, R2, R3, R4, R5, R6
    block(code, R7, WEIGHTS)
    code.ldr(R1, SP, _RECORD)
    minus_weight_zero(code, minus, R1)
    code.ldr(left, SP, _STRIDE)
    code.ldr(target, SP, _WEIGHTS_0)
    code.add(R1, left, left, lsl=1)
    code.mov(row_0, R7)
    code.add(row_2, row_0, R1, lsl=1)
    code.add(row_1, row_0, R1)
    code.label("expand")
    code.movs(offset, 0)
    for x in range(3):
        for even, odd, row in ((R7, R8, row_0), (R9, R10, row_1), (R11, R12, row_2)):
            code.at("ldr", odd, row, offset)
            code.sxtab16(even, minus, odd)
            code.sxtab16(odd, minus, odd, ror=8)
        for lane, (upper, lower) in enumerate(((R9, R7), (R10, R8))):
            code.pkhbt(LR, lower, upper, lsl=16)
            code.str_(LR, target, _WEIGHTS * lane + 4 * x)
            code.pkhtb(LR, upper, lower, asr=16)
            code.str_(LR, target, _WEIGHTS * (lane + 2) + 4 * x)
        for lane, third in enumerate((R11, R12)):
            code.strh(third, target, _WEIGHTS * lane + 12 + 2 * x)
            code.asr(third, third, 16)
            code.strh(third, target, _WEIGHTS * (lane + 2) + 12 + 2 * x)
        code.ldr(R7, SP, _STRIDE)
        code.add(offset, offset, R7)
    code.adds(target, target, _WEIGHTS * _GROUP)
    for row in (row_0, row_1, row_2):
        code.adds(row, row, _GROUP)
    code.subs(left, left, _GROUP)
    code.bw_if(NE, "expand")


def _pack(code: Thumb2) -> None:
    """The columns of a group: those left of the picture, then those in it, with the rows that there are."""
    code.ldr(R4, SP, _COLUMNS)
    code.ldr(R5, SP, _START)
    code.cmp_reg(R4, R5)
    code.beq("left done")
    for register in range(R6, R12):
        code.load(register, 0)
    code.stm(R4, R6, R7, R8, R9, R10, R11)
    code.label("left done")
    code.ldr(R1, SP, _RECORD)
    minus_zero(code, R5, R1)
    code.ldr(R3, SP, _OFFSET)
    code.ldr(R0, SP, _ROWS)
    code.ldrd(R1, R2, SP, _ROWS + 4)
    code.cmp(R2, 0)
    code.bw_if(EQ, "bottom")
    code.cmp(R0, 0)
    code.bw_if(EQ, "top")
    for label, top, bottom in (("inside", 1, 1), ("top", 0, 1), ("bottom", 1, 0), ("only", 0, 0)):
        code.label(label)
        if label == "bottom":
            code.cmp(R0, 0)
            code.bw_if(EQ, "only")
        _pack_rows(code, label, bool(top), bool(bottom))
        if label != "only":
            code.bw("packed")
    code.label("packed")


def _pack_rows(code: Thumb2, name: str, top: bool, bottom: bool) -> None:
    """Columns from rows at r0, r1, r2; the first or the last may be outside."""
    offset, target, zero = R3, R4, R5
    if not top:
        code.load(R12, 0)
        code.mov(LR, R12)
    if not bottom:
        code.load(R10, 0)
        code.mov(R11, R10)
    loop = f"{name} column"
    code.label(loop)
    for there, row, even, odd in ((top, R0, R12, LR), (True, R1, R8, R9), (bottom, R2, R10, R11)):
        if there:
            code.at("ldr", odd, row, offset)
            code.sxtab16(even, zero, odd)
            code.sxtab16(odd, zero, odd, ror=8)
    code.pkhbt(R6, R12, R8, lsl=16)
    code.pkhbt(R7, LR, R9, lsl=16)
    code.pkhtb(R8, R8, R12, asr=16)
    code.pkhtb(R9, R9, LR, asr=16)
    code.stm(target, R6, R7, R8, R9, R10, R11)
    code.ldr(R6, SP, _STRIDE)
    code.add(offset, offset, R6)
    code.ldr(R6, SP, _END)
    code.cmp_reg(target, R6)
    code.bne(loop)
