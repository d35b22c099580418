# SPDX-License-Identifier: MIT
"""The windows of a tile, copied so that the products read them one vector after the other.

Four pixels make a quad: vector 0 of each, then vector 1 of each … Slots that the last quad has too many
repeat the tile's last window. Windows of 1 x 1 are copied from the input. For others the input rows of an
output row are first copied between columns of the zero point, so that no window is a special case.
"""

from dataclasses import dataclass

from galago.native.assemblers.helium import Q0, Helium
from galago.native.assemblers.thumb import (
    EQ,
    HS,
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
    SP,
)
from galago.native.kernels import ARENA
from galago.native.kernels.helium.frame import VECTOR, block, field, fill, modulo
from galago.tflite.records import Record

QUAD = 4
"""Pixels."""
_MOST_ROWS, _MOST_BYTES = 8, 4080  # of a window, and of a row of one, which code adds in one instruction
_MOST_BYTES_UNROLLED = 256  # of a row that is no multiple of a vector
_INLINE = 8  # vectors that are copied without a loop


class Stack:
    """Words of the stack of convolutions, from SP on."""

    OFFSETS, LAST_OFFSETS = 0, 16
    ZERO, STRIDE, WEIGHTS, NEXT, X, OUT, QUADS, REST, LEFT = range(32, 68, 4)
    RECORD, FIRST, LAST, CHANNELS, TABLE, LINES, PITCH, INSIDE, ROW, INPUT, LINE = range(68, 112, 4)


FRAME = 112
"""Bytes of it."""


@dataclass(frozen=True)
class Window:
    """The properties of a layer's windows that code depends on."""

    rows: int
    bytes: int
    """Of a row."""
    step: int
    """Bytes from one window to the next."""
    direct: bool
    """Whether windows are 1 x 1, each the next pixel."""

    @classmethod
    def of(cls, record: Record) -> "Window":
        """The properties of a layer."""
        direct = record.window == record.in_c and record.s_h == record.s_w == 1
        return cls(record.k_h, record.k_w * record.in_c, record.s_w * record.in_c, direct)

    @property
    def name(self) -> str:
        """The start of a function's name."""
        if self.direct:
            return f"pointwise_{self.bytes}"
        return f"convolution_{self.rows}x{self.bytes}_{self.step}"

    @property
    def size(self) -> int:
        """Bytes of a window."""
        return self.rows * self.bytes

    @property
    def tail(self) -> int:
        """Bytes of the last vector of a row; 0 if it is a whole one."""
        return self.bytes % VECTOR

    @property
    def per_row(self) -> int:
        """Vectors of a row."""
        return -(-self.bytes // VECTOR)

    @property
    def vectors(self) -> int:
        """Vectors of a window."""
        return self.rows * self.per_row

    @property
    def fits(self) -> bool:
        """Whether windows of this size are supported."""
        if self.direct:
            return True
        most = _MOST_BYTES_UNROLLED if self.rows > 1 and self.tail else _MOST_BYTES
        return self.rows <= _MOST_ROWS and self.bytes <= most

    def pitch(self, record: Record) -> int:
        """Bytes of a padded row of the input."""
        return max((record.out_w - 1) * self.step + self.bytes, (record.p_l + record.in_w) * record.in_c)

    def scratch(self, record: Record, rows: int) -> int:
        """Bytes of scratch for a tile of this many rows."""
        quads = -(-rows * record.out_w // QUAD)
        lines = 0 if self.direct else self.rows * self.pitch(record) + VECTOR
        return QUAD * VECTOR * self.vectors * quads + (lines + 3 & -4)


_SOURCE, _SLOT, _FROM, _FREE, _LEFT, _NEXT_ROW, _STEP, _NEXT_QUAD = R1, R2, R3, R4, R5, R6, R7, R8


def place(code: Helium, window: Window) -> None:
    """Where windows and padded rows are. r1 = the record, r4 = the end of the table; uses r3, r4, r6, r7."""
    if not window.direct:
        field(code, R3, R1, "out_w")
        code.subs(R3, R3, 1)
        code.load(R7, window.step)
        code.muls(R3, R7)
        code.addw(R3, R3, window.bytes)
        field(code, R6, R1, "p_l")
        field(code, R7, R1, "in_w")
        code.adds_reg(R7, R7, R6)
        field(code, R8, R1, "in_c")
        code.mul(R6, R6, R8)
        code.mul(R7, R7, R8)
        code.cmp_reg(R3, R7)
        code.it(LT)
        code.mov(R3, R7)
        code.str_(R3, SP, Stack.PITCH)
        code.str_(R4, SP, Stack.LINES)
        code.adds_reg(R6, R6, R4)
        code.str_(R6, SP, Stack.INSIDE)
        code.load(R7, window.rows)
        code.mla(R4, R3, R7, R4)
        code.adds(R4, R4, VECTOR)
    code.str_(R4, SP, Stack.X)


def copy(code: Helium, window: Window) -> None:
    """Copies all windows of the tile. The block is at r0, the number of windows in r8."""
    code.ldr(R1, SP, Stack.RECORD)
    block(code, R2, ARENA)
    field(code, R3, R1, "input")
    code.adds_reg(R2, R2, R3)
    field(code, R3, R1, "in_w")
    field(code, R4, R1, "in_c")
    code.muls(R3, R4)
    if window.direct:
        code.mov(_LEFT, R8)
        code.ldr(R0, SP, Stack.FIRST)
        field(code, R6, R1, "input_rows")
        modulo(code, R0, R6, R7)
        code.mla(_SOURCE, R0, R3, R2)
        if window.tail:
            code.movs(R0, window.tail)
            code.vctp(R0)
    else:
        code.strd(R2, R3, SP, Stack.INPUT)
        code.ldr(R0, SP, Stack.FIRST)
        code.str_(R0, SP, Stack.ROW)
        code.cbnz(R0, "padded")
        field(code, R0, R1, "in_zero")
        code.vdup(Q0, R0, 1)
        code.ldr(R3, SP, Stack.LINES)
        code.ldr(R4, SP, Stack.X)
        code.subs_reg(R4, R4, R3)
        fill(code, R3, R4, Q0)
        code.label("padded")
    code.ldr(_SLOT, SP, Stack.X)
    code.movs(_FREE, QUAD)
    if not window.direct:
        code.label("row")
        _copy_lines(code, window)
        code.ldr(R0, SP, Stack.RECORD)
        field(code, _LEFT, R0, "out_w")
        code.ldr(_SOURCE, SP, Stack.LINES)
        code.ldr(_NEXT_ROW, SP, Stack.PITCH)
        code.addw(_NEXT_ROW, _NEXT_ROW, -VECTOR * window.per_row)
    code.load(_STEP, window.step)
    code.load(_NEXT_QUAD, QUAD * VECTOR * (window.vectors - 1))
    _copy_windows(code, window)
    if not window.direct:
        code.ldr(R0, SP, Stack.ROW)
        code.adds(R0, R0, 1)
        code.str_(R0, SP, Stack.ROW)
        code.ldr(R3, SP, Stack.LAST)
        code.cmp_reg(R0, R3)
        code.bw_if(LT, "row")
    # The slots that are left repeat the last window; after that none are left.
    code.cmp(_FREE, QUAD)
    code.b_if(EQ, "all windows")
    code.sub(_SOURCE, _SOURCE, _STEP)
    code.movs(_STEP, 0)
    code.mov(_LEFT, _FREE)
    code.bw("window")
    code.label("all windows")


def _copy_lines(code: Helium, window: Window) -> None:
    """The input rows of an output row to their places between columns of the zero point. Keeps r2 and r4."""
    source, target, y, inside, left, height, size, pitch = R0, R3, R5, R6, R8, R9, R10, R11
    code.ldr(R1, SP, Stack.RECORD)
    code.ldr(y, SP, Stack.ROW)
    field(code, R0, R1, "s_h")
    code.muls(y, R0)
    field(code, R0, R1, "p_t")
    code.subs_reg(y, y, R0)
    field(code, height, R1, "in_h")
    code.ldr(size, SP, Stack.LINE)
    code.ldr(pitch, SP, Stack.PITCH)
    code.ldr(inside, SP, Stack.INSIDE)
    code.load(left, window.rows)
    code.label("line")
    code.mov(target, inside)
    code.cmp_reg(y, height)
    code.b_if(HS, "outside")  # also above, where y is negative
    field(code, R7, R1, "input_rows")
    code.udiv(R0, y, R7)
    code.mls(R7, R0, R7, y)
    code.ldr(source, SP, Stack.INPUT)
    code.mla(source, R7, size, source)
    code.wlstp(size, "copied line")
    code.label("bytes")
    code.vldrb(Q0, source, after=VECTOR)
    code.vstrb(Q0, target, after=VECTOR)
    code.letp("bytes")
    code.label("copied line")
    code.b("next line")
    code.label("outside")
    field(code, R0, R1, "in_zero")
    code.vdup(Q0, R0, 1)
    fill(code, target, size, Q0)
    code.label("next line")
    code.add(inside, inside, pitch)
    code.adds(y, y, 1)
    code.subs(left, left, 1)
    code.bw_if(NE, "line")


def _copy_windows(code: Helium, window: Window) -> None:
    """`_LEFT` windows from `_SOURCE` on to the slots from `_SLOT` on; both move."""
    code.label("window")
    code.mov(_FROM, _SOURCE)
    code.mov(R0, _SLOT)
    whole = window.per_row - (window.direct and window.tail > 0)
    for row in range(window.rows):
        if row:
            code.add(_FROM, _FROM, _NEXT_ROW)
        if whole > _INLINE:
            loop = code.fresh("vector")
            code.load(R11, whole)
            code.dls(R11)
            code.label(loop)
            _copy_vector(code)
            code.le(loop)
        else:
            for _ in range(whole):
                _copy_vector(code)
        if whole < window.per_row:
            code.vpst()
            _copy_vector(code)
    code.add(_SOURCE, _SOURCE, _STEP)
    code.adds(_SLOT, _SLOT, VECTOR)
    code.subs(_FREE, _FREE, 1)
    code.bne("same quad")
    code.add(_SLOT, _SLOT, _NEXT_QUAD)
    code.movs(_FREE, QUAD)
    code.label("same quad")
    code.subs(_LEFT, _LEFT, 1)
    code.bw_if(NE, "window")


def _copy_vector(code: Helium) -> None:
    code.vldrb(Q0, _FROM, after=VECTOR)
    code.vstrb(Q0, R0, after=QUAD * VECTOR)
