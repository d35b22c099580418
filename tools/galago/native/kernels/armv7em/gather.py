# SPDX-License-Identifier: MIT
"""Windows of more than one pixel: three are gathered as bytes, then expanded to int16 side by side."""

from dataclasses import dataclass

from galago.native.assemblers.thumb import (
    EQ,
    HS,
    LR,
    LT,
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
from galago.native.kernels import ARENA, FIRST, LAST
from galago.native.kernels.armv7em.frame import MOST_ROWS, Stack, block, field, minus_zero

_MOST_BYTES = 64  # of a row of a window: they are copied by unrolled code


@dataclass(frozen=True)
class Window:
    """The properties of a layer that gathering depends on."""

    rows: int
    bytes: int
    """Of a row."""
    step: int
    """Bytes from one window to the next."""

    @property
    def taps(self) -> int:
        """Bytes of a window."""
        return self.rows * self.bytes

    @property
    def words(self) -> int:
        """Words of a window, rounded up."""
        return (self.taps + 3) // 4

    @property
    def fits(self) -> bool:
        """Whether windows of this size are supported."""
        return self.rows <= MOST_ROWS and self.taps >= 4 and self.bytes <= _MOST_BYTES and self.words < 256


def expand_pixels(code: Thumb2, label: str) -> None:
    """Bytes at r0, r1, r2 → interleaved pairs at r3, all of which move; r4 is `minus_zero`. Uses r5 … r11."""
    code.ldr(R5, SP, Stack.WORDS)
    code.label(label)
    for pixel in range(3):
        code.ldr(R9 + pixel, pixel, after=4)
    for pixel in range(3):
        code.sxtab16(R6 + pixel, R4, R9 + pixel)
        code.sxtab16(R9 + pixel, R4, R9 + pixel, ror=8)
    code.stm(R3, R6, R7, R8, R9, R10, R11)
    code.subs(R5, R5, 1)
    code.bne(label)


def expand(code: Thumb2, window: Window) -> None:
    """All windows of the tile. The block is at r0."""
    offset, columns, target, free = R12, LR, R5, R4  # of the next window; left in the row; bytes; slots
    code.ldr(R1, SP, Stack.RECORD)
    block(code, R2, LAST)
    code.str_(R2, SP, Stack.LAST)
    block(code, R2, ARENA)
    field(code, R3, R1, "input")
    code.adds_reg(R2, R2, R3)
    code.str_(R2, SP, Stack.INPUT)
    block(code, R3, FIRST)
    code.str_(R3, SP, Stack.ROW)
    code.ldr(R2, SP, Stack.X)
    code.str_(R2, SP, Stack.CURSOR)
    code.ldr(target, SP, Stack.BYTES)
    code.movs(free, 3)

    code.label("row")
    _rows(code, window)
    code.label("window")
    code.ldr(R0, SP, Stack.LIMIT)
    code.cmp_reg(offset, R0)
    code.bw_if(HS, "edge")  # also before the row, which is negative
    for row in range(window.rows):
        code.ldr(R0, SP, Stack.ROWS + 4 * row)
        code.add(R0, R0, offset)
        _copy(code, target, window.bytes)
    code.label("gathered")
    if padding := -window.taps % 4:
        code.adds(target, target, padding)
    code.subs(free, free, 1)
    code.bne("more")
    _flush(code, "first words")
    code.label("more")
    code.addw(offset, offset, window.step)
    code.subs(columns, columns, 1)
    code.bw_if(1, "window")
    code.ldr(R0, SP, Stack.ROW)
    code.adds(R0, R0, 1)
    code.str_(R0, SP, Stack.ROW)
    code.ldr(R1, SP, Stack.LAST)
    code.cmp_reg(R0, R1)
    code.bw_if(LT, "row")
    code.cmp(free, 3)
    code.b_if(EQ, "expanded")
    _flush(code, "last words")
    code.label("expanded")
    code.bw("channels")

    code.label("edge")
    _edge(code, window)
    code.bw("gathered")


def _rows(code: Thumb2, window: Window) -> None:
    """The addresses of this output row's input rows, 0 for those outside; and how far windows are inside.

    Keeps r4 and r5; sets the offset of the first window and the number of windows.
    """
    record, first, height, inside, size = R1, R2, R3, R6, R7
    code.ldr(record, SP, Stack.RECORD)
    field(code, R0, record, "s_h")
    code.ldr(first, SP, Stack.ROW)
    code.muls(first, R0)
    field(code, R0, record, "p_t")
    code.subs_reg(first, first, R0)
    field(code, height, record, "in_h")
    field(code, R0, record, "in_w")
    field(code, size, record, "in_c")
    code.muls(size, R0)
    code.str_(size, SP, Stack.LINE)
    # One more than the last offset at which a window lies within the row; 0, so that none does.
    code.addw(inside, size, 1 - window.bytes)
    for row in range(window.rows):
        outside, done = code.fresh("outside"), code.fresh("done")
        code.addw(R8, first, row)
        code.movs(R0, 0)
        code.cmp_reg(R8, height)
        code.b_if(HS, outside)
        field(code, R0, record, "input_rows")
        code.udiv(R9, R8, R0)
        code.mls(R8, R9, R0, R8)
        code.ldr(R0, SP, Stack.INPUT)
        code.mla(R0, R8, size, R0)
        code.b(done)
        code.label(outside)
        code.movs(inside, 0)
        code.label(done)
        code.str_(R0, SP, Stack.ROWS + 4 * row)
    code.cmp(inside, 0)
    code.it(LT)
    code.movs(inside, 0)
    code.str_(inside, SP, Stack.LIMIT)
    field(code, R0, record, "p_l")
    field(code, R2, record, "in_c")
    code.muls(R0, R2)
    code.alu("rsbs", R0, R0)
    code.mov(R12, R0)
    field(code, R0, record, "out_w")
    code.mov(LR, R0)


def _copy(code: Thumb2, target: int, size: int) -> None:
    """Bytes at r0 to the target, which moves."""
    for at in range(0, size - 3, 4):
        code.ldr(R1, R0, at)
        code.str_(R1, target, after=4)
    for at in range(size & -4, size):
        code.ldrb(R1, R0, at)
        code.strb(R1, target, after=1)


def _flush(code: Thumb2, label: str) -> None:
    """Expands the gathered windows, and begins with the first slot again."""
    code.ldr(R0, SP, Stack.BYTES)
    code.ldr(R2, SP, Stack.WORDS)
    code.add(R1, R0, R2, lsl=2)
    code.add(R2, R1, R2, lsl=2)
    code.ldr(R3, SP, Stack.RECORD)
    minus_zero(code, R4, R3)
    code.ldr(R3, SP, Stack.CURSOR)
    expand_pixels(code, label)
    code.str_(R3, SP, Stack.CURSOR)
    code.ldr(R5, SP, Stack.BYTES)
    code.movs(R4, 3)


def _edge(code: Thumb2, window: Window) -> None:
    """A window that is not wholly inside, byte by byte."""
    zero, at, left, line = R6, R7, R8, R9
    code.ldr(R0, SP, Stack.RECORD)
    field(code, zero, R0, "in_zero")
    code.ldr(line, SP, Stack.LINE)
    for row in range(window.rows):
        loop, store = code.fresh("byte"), code.fresh("store")
        code.ldr(R0, SP, Stack.ROWS + 4 * row)
        code.mov(at, R12)
        code.load(left, window.bytes)
        code.label(loop)
        code.mov(R1, zero)
        code.cbz(R0, store)
        code.cmp_reg(at, line)
        code.b_if(HS, store)
        code.at("ldrb", R1, R0, at)
        code.label(store)
        code.strb(R1, R5, after=1)
        code.adds(at, at, 1)
        code.subs(left, left, 1)
        code.bne(loop)
