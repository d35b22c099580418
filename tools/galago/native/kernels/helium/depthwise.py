# SPDX-License-Identifier: MIT
"""DEPTHWISE_CONV_2D, 3 x 3: two pixels x four channels at a time, a whole window with one vmlav.

The three input rows of an output row are interleaved first (columns.py). A vector of three words, gathered
from three columns, is the window of one channel; its weights lie in the same order.

    vldrw.u32  x, [columns, #4 * channel]       gathers the window
    vmlav      sum, x, w                        9 MACs

Scratch: table, groups, a row of the zero point, columns.
"""

from dataclasses import dataclass

from galago.native.assemblers.helium import Q0, Q4, Q5, Q6, Q7, Helium
from galago.native.assemblers.thumb import (
    EQ,
    GT,
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
    R9,
    R11,
    SP,
)
from galago.native.kernels import ARENA, FIRST, LAST, RECORD, WEIGHTS
from galago.native.kernels.helium.columns import (
    BIASES,
    CONSTANTS,
    FRAME,
    GROUP,
    MULTIPLIERS,
    SHIFTS,
    SLACK,
    TAPS,
    Stack,
    interleave_row,
    prepare,
)
from galago.native.kernels.helium.frame import (
    ENTRY,
    SUMS,
    VECTOR,
    Output,
    block,
    enter,
    field,
    leave,
    modulo,
)
from galago.tflite.records import Record

_WINDOW = 3


@dataclass(frozen=True)
class Depthwise:
    """The properties of a layer that its function depends on."""

    output: Output

    @classmethod
    def of(cls, record: Record) -> "Depthwise | None":
        """The properties of a layer, or None if no kernel computes it."""
        if not record.k_h == record.k_w == _WINDOW or record.in_c != record.out_c or record.out_c < GROUP:
            return None
        return cls(Output.of(record))

    @property
    def name(self) -> str:
        """The name of the function."""
        return f"depthwise{self.output.name}"

    def scratch(self, record: Record, rows: int) -> int:
        """Bytes of scratch, for any number of rows."""
        groups = -(-record.out_c // GROUP)
        line = record.in_w * record.in_c
        columns = max((record.out_w - 1) * record.s_w + _WINDOW, record.p_l + record.in_w)
        words = columns * record.in_c
        return ENTRY * record.out_c + CONSTANTS * groups + (line + 3 & -4) + 4 * words + SLACK

    def code(self) -> bytes:
        """The machine code of the function."""
        code = Helium()
        enter(code, FRAME)
        self._set_up(code)
        code.ldr(R0, SP, Stack.ROW)
        code.cmp(R0, 0)
        code.bw_if(NE, "row")
        prepare(code)
        code.label("row")
        interleave_row(code)
        self._groups(code)
        code.ldr(R0, SP, Stack.ROW)
        code.adds(R0, R0, 1)
        code.str_(R0, SP, Stack.ROW)
        code.ldr(R1, SP, Stack.LAST)
        code.cmp_reg(R0, R1)
        code.bw_if(LT, "row")
        leave(code, FRAME)
        return code.finish()

    def _set_up(self, code: Helium) -> None:
        """Fills the stack."""
        record, arena, channels = R1, R2, R3
        block(code, record, RECORD)
        block(code, arena, ARENA)
        block(code, R4, WEIGHTS)
        block(code, R5, FIRST)
        block(code, R6, LAST)
        code.str_(record, SP, Stack.RECORD)
        code.str_(R4, SP, Stack.WEIGHTS)
        code.strd(R5, R6, SP, Stack.ROW)
        field(code, channels, record, "out_c")
        code.str_(channels, SP, Stack.CHANNELS)
        # The address of the first output.
        field(code, R6, record, "output_rows")
        modulo(code, R5, R6, R7)
        field(code, R7, record, "out_w")
        code.muls(R5, R7)
        code.muls(R5, channels)
        field(code, R6, record, "output")
        code.adds_reg(R6, R6, arena)
        code.adds_reg(R5, R5, R6)
        code.str_(R5, SP, Stack.OUT)
        # Pairs of pixels. A row of one pixel is a pair of it and itself.
        code.lsrs(R5, R7, 1)
        code.number("and", R6, R7, 1)
        code.strd(R5, R6, SP, Stack.PAIRS)
        field(code, R6, record, "s_w")
        code.muls(R6, channels)
        code.lsls(R6, R6, 2)
        code.mov(R0, channels)
        code.cmp(R7, 1)
        code.it(EQ, True)
        code.movs(R6, 0)
        code.movs(R0, 0)
        code.str_(R6, SP, Stack.STEP)
        code.str_(R0, SP, Stack.STRIDE)
        field(code, R5, record, "input")
        code.adds_reg(R5, R5, arena)
        field(code, R6, record, "in_w")
        code.muls(R6, channels)
        code.strd(R5, R6, SP, Stack.INPUT)
        # The parts of the scratch.
        field(code, R4, record, "scratch")
        code.adds_reg(R4, R4, arena)
        code.str_(R4, SP, Stack.TABLE)
        code.load(R5, ENTRY)
        code.mla(R4, channels, R5, R4)
        code.str_(R4, SP, Stack.GROUPS)
        code.adds(R0, channels, GROUP - 1)
        code.lsrs(R0, R0, 2)
        code.load(R5, CONSTANTS)
        code.mla(R4, R0, R5, R4)
        code.str_(R4, SP, Stack.ZEROS)
        code.adds(R0, R6, 3)
        code.number("bic", R0, R0, 3)
        code.adds_reg(R4, R4, R0)
        code.str_(R4, SP, Stack.COLUMNS)
        # The columns right of the picture.
        field(code, R0, record, "p_l")
        code.muls(R0, channels)
        code.adds_reg(R0, R0, R6)
        code.add(R5, R4, R0, lsl=2)
        code.str_(R5, SP, Stack.RIGHT)
        code.subs(R7, R7, 1)
        field(code, R6, record, "s_w")
        code.muls(R7, R6)
        code.adds(R7, R7, _WINDOW)
        code.muls(R7, channels)
        code.subs_reg(R7, R7, R0)
        code.it(LT)
        code.movs(R7, 0)
        code.lsls(R7, R7, 2)
        code.str_(R7, SP, Stack.RIGHT_SIZE)
        # From a column to the words of three columns; the fourth word is always multiplied by 0.
        code.lsls(R5, channels, 2)
        code.lsls(R6, channels, 3)
        code.movs(R0, 0)
        code.strd(R0, R5, SP, Stack.OFFSETS)
        code.strd(R6, R0, SP, Stack.OFFSETS + 8)

    def _groups(self, code: Helium) -> None:
        """An output row, four channels after the other."""
        group, out = R3, R5
        code.movs(R0, 0)
        code.str_(R0, SP, Stack.AT)
        code.ldr(group, SP, Stack.GROUPS)
        code.label("group")
        code.ldr(R0, SP, Stack.AT)
        code.ldr(R1, SP, Stack.COLUMNS)
        code.add(R1, R1, R0, lsl=2)
        code.vldrw(Q7, SP, Stack.OFFSETS)
        code.vadd_reg(Q7, Q7, R1)
        code.ldr(out, SP, Stack.OUT)
        code.adds_reg(out, out, R0)
        for channel in range(GROUP):
            code.vldrw(Q0 + channel, group, TAPS + VECTOR * channel)
        code.ldr(R0, SP, Stack.RECORD)
        field(code, R11, R0, "out_zero")
        code.ldrd(R1, R7, SP, Stack.STEP)
        code.ldrd(R9, R0, SP, Stack.PAIRS)
        code.str_(R0, SP, Stack.LEFT)
        code.cmp(R9, 0)
        code.bw_if(EQ, "odd")
        code.label("pair")
        self._pair(code)
        code.subs(R9, R9, 1)
        code.bw_if(NE, "pair")
        # The last of an odd number of pixels: with the one before it, which is computed again.
        code.ldr(R0, SP, Stack.LEFT)
        code.cbz(R0, "row of a group")
        code.number("rsb", R0, R1, 0)
        code.vadd_reg(Q7, Q7, R0)
        code.sub(out, out, R7)
        code.label("odd")
        code.str_(R9, SP, Stack.LEFT)
        code.load(R9, 1)
        code.bw("pair")
        code.label("row of a group")
        self._next_group(code, group)

    def _next_group(self, code: Helium, group: int) -> None:
        """Goes on with the next group, of which the last one ends with the last channel; or ends the row."""
        code.adds(group, group, CONSTANTS)
        code.ldr(R0, SP, Stack.AT)
        code.ldr(R1, SP, Stack.CHANNELS)
        code.subs(R1, R1, GROUP)
        code.cmp_reg(R0, R1)
        code.b_if(EQ, "row done")
        code.adds(R0, R0, GROUP)
        code.cmp_reg(R0, R1)
        code.it(GT)
        code.mov(R0, R1)
        code.str_(R0, SP, Stack.AT)
        code.bw("group")
        code.label("row done")
        code.ldr(R0, SP, Stack.OUT)
        code.ldr(R1, SP, Stack.RECORD)
        field(code, R2, R1, "out_w")
        code.ldr(R1, SP, Stack.CHANNELS)
        code.mla(R0, R1, R2, R0)
        code.str_(R0, SP, Stack.OUT)

    def _pair(self, code: Helium) -> None:
        """Two pixels of four channels."""
        for pixel in range(2):
            for channel in range(GROUP):
                x = Q4 + channel % 2
                code.vldrw_gather(x, Q7, 4 * channel)
                code.vmlav(SUMS[GROUP * pixel + channel], x, Q0 + channel)
            code.vadd_reg(Q7, Q7, R1)
        for pixel, vector in enumerate((Q4, Q5)):
            sums = SUMS[GROUP * pixel :]
            for lane in range(2):
                code.vmov_pair(vector, lane, sums[lane], sums[lane + 2])
        code.vldrw(Q6, R3, BIASES)
        for vector in (Q4, Q5):
            code.vadd(vector, vector, Q6)
        code.vldrw(Q6, R3, MULTIPLIERS)
        for vector in (Q4, Q5):
            code.vqrdmulh(vector, vector, Q6)
        code.vldrw(Q6, R3, SHIFTS)
        for vector in (Q4, Q5):
            self.output.away(code, vector, Q6, Q0)
        for vector in (Q4, Q5):
            code.vrshl(vector, vector, Q6)
        if not self.output.relu:  # which took a vector of weights
            code.vldrw(Q0, R3, TAPS)
        self.output.narrow(code, Q4, Q5, R11, Q6, R0)
        code.vstrb_words(Q4, R5)
        code.add(R5, R5, R7)
        code.vshr(Q4, Q4, 16, signed=False)
        code.vstrb_words(Q4, R5)
        code.add(R5, R5, R7)
