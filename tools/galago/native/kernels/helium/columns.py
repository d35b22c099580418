# SPDX-License-Identifier: MIT
"""What depthwise.py computes from: the interleaved columns of a row, and the constants of each group.

A word of each column and channel holds the bytes of three input rows, and 0. Columns of the zero point
surround the row. Before row 0, the weights of each group of four channels are brought into the same order
behind the group's biases, multipliers and shifts. Where channels are no multiple of four, the last group
repeats some.
"""

from galago.native.assemblers.helium import Q0, Q3, Q5, Q6, Q7, Helium
from galago.native.assemblers.thumb import (
    EQ,
    GT,
    HS,
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
from galago.native.kernels.helium.frame import (
    BIAS,
    ENTRY,
    MULTIPLIER,
    SHIFT,
    VECTOR,
    field,
    fill,
)

GROUP = 4  # channels
BIASES, MULTIPLIERS, SHIFTS, TAPS = (VECTOR * i for i in range(4))  # in a group's constants
CONSTANTS = 7 * VECTOR
SLACK = 64  # bytes that interleaving may write past the last column


class Stack:
    """Words of the stack, from SP on."""

    OFFSETS = 0
    RECORD, TABLE, GROUPS, ZEROS, COLUMNS, ROW, LAST, INPUT, LINE, OUT = range(16, 56, 4)
    PAIRS, ODD, LEFT, CHANNELS, STEP, STRIDE, AT, RIGHT, RIGHT_SIZE, WEIGHTS = range(56, 96, 4)


FRAME = 96


def _interleave(code: Helium, rows: tuple[int, int, int], target: int, size: int, spare: int) -> None:
    """`size` bytes of three rows → words at `target`, which end with a byte of q3. All move; uses lr."""
    loop, rest, done = (code.fresh(name) for name in ("interleave", "rest", "interleaved"))
    code.combine("mov", spare, 0, size, "lsr", 4)
    code.cmp(spare, 0)
    code.b_if(EQ, rest)
    code.dls(spare)
    code.label(loop)
    for vector, row in enumerate(rows):
        code.vldrb(vector, row, after=VECTOR)
    code.vst4(Q0, target)
    code.le(loop)
    code.label(rest)
    code.number("and", size, size, VECTOR - 1)
    code.cmp(size, 0)
    code.b_if(EQ, done)
    code.vctp(size)
    code.vpst(3)
    for vector, row in enumerate(rows):
        code.vldrb(vector, row)
    code.vst4(Q0, target)
    code.label(done)


def interleave_row(code: Helium) -> None:
    """The input rows of an output row → columns."""
    record, y, height, rows = R6, R7, R8, (R0, R1, R2)
    code.ldr(record, SP, Stack.RECORD)
    code.ldr(y, SP, Stack.ROW)
    field(code, R0, record, "s_h")
    code.muls(y, R0)
    field(code, R0, record, "p_t")
    code.subs_reg(y, y, R0)
    field(code, height, record, "in_h")
    field(code, R9, record, "input_rows")
    code.ldrd(R10, R11, SP, Stack.INPUT)  # and the bytes of a row
    for row in rows:
        outside = code.fresh("outside")
        code.ldr(row, SP, Stack.ZEROS)
        code.cmp_reg(y, height)
        code.b_if(HS, outside)  # also above, where y is negative
        code.udiv(R3, y, R9)
        code.mls(R3, R3, R9, y)
        code.mla(row, R3, R11, R10)
        code.label(outside)
        code.adds(y, y, 1)
    field(code, R3, record, "p_l")
    code.ldr(R4, SP, Stack.CHANNELS)
    code.muls(R3, R4)
    code.ldr(R4, SP, Stack.COLUMNS)
    code.add(R4, R4, R3, lsl=2)
    _interleave(code, rows, R4, R11, R5)
    code.ldr(R3, SP, Stack.RIGHT_SIZE)
    code.ldr(R4, SP, Stack.RIGHT)
    field(code, R0, record, "in_zero")
    code.vdup(Q0, R0, 1)
    fill(code, R4, R3, Q0)


def prepare(code: Helium) -> None:
    """Fills what stays the same for all rows: groups, the row of the zero point, the columns left."""
    code.ldr(R0, SP, Stack.WEIGHTS)
    code.ldr(R5, SP, Stack.CHANNELS)
    code.add(R5, R5, R5, lsl=1)
    code.add(R1, R0, R5)
    code.add(R2, R1, R5)
    code.ldr(R4, SP, Stack.COLUMNS)  # for the time being
    code.load(R6, 0)
    code.vdup(Q3, R6, 1)
    _interleave(code, (R0, R1, R2), R4, R5, R6)
    _correct(code)
    _constants(code)
    code.ldr(R1, SP, Stack.RECORD)
    field(code, R0, R1, "in_zero")
    code.vdup(Q0, R0, 1)
    code.ldr(R3, SP, Stack.LINE)
    code.ldr(R4, SP, Stack.ZEROS)
    fill(code, R4, R3, Q0)
    field(code, R3, R1, "p_l")
    code.ldr(R4, SP, Stack.CHANNELS)
    code.muls(R3, R4)
    code.lsls(R3, R3, 2)
    code.ldr(R4, SP, Stack.COLUMNS)
    fill(code, R4, R3, Q0)


def _correct(code: Helium) -> None:
    """Biases minus the input's zero point times the sum of the weights."""
    sum_, zero, bias, entry, words = R0, R2, R3, R4, R5
    code.ldr(R1, SP, Stack.RECORD)
    field(code, zero, R1, "in_zero")
    code.ldr(entry, SP, Stack.TABLE)
    code.ldr(words, SP, Stack.COLUMNS)
    code.ldr(R1, SP, Stack.CHANNELS)
    code.vldrw(Q7, SP, Stack.OFFSETS)
    code.vadd_reg(Q7, Q7, words)
    code.load(R6, 4)
    code.load(R7, 0)
    code.dls(R1)
    code.label("correct")
    code.vldrw_gather(Q0, Q7)
    code.vmov_lane(Q0, 3, R7)
    code.movs(sum_, 0)
    code.vaddva(sum_, Q0)
    code.vadd_reg(Q7, Q7, R6)
    code.ldr(bias, entry, BIAS)
    code.mls(bias, sum_, zero, bias)
    code.str_(bias, entry, BIAS)
    code.adds(entry, entry, ENTRY)
    code.le("correct")


def _constants(code: Helium) -> None:
    """Biases, multipliers, shifts and weights of each group."""
    group, at, last, words = R3, R0, R1, R2
    code.ldr(group, SP, Stack.GROUPS)
    code.ldr(last, SP, Stack.CHANNELS)
    code.subs(last, last, GROUP)
    code.movs(at, 0)
    code.load(R7, 0)
    code.vldrw(Q6, SP, Stack.OFFSETS)
    # From an entry of the table to those of four channels.
    code.vdup(Q5, R7, 4)
    for lane in range(1, GROUP):
        code.load(R4, ENTRY * lane)
        code.vmov_lane(Q5, lane, R4)
    code.label("constants")
    code.ldr(R4, SP, Stack.TABLE)
    code.load(R5, ENTRY)
    code.mla(R4, at, R5, R4)
    code.vadd_reg(Q7, Q5, R4)
    for place, word in ((BIASES, BIAS), (MULTIPLIERS, MULTIPLIER), (SHIFTS, SHIFT)):
        code.vldrw_gather(Q0, Q7, word)
        code.vstrw(Q0, group, place)
    code.ldr(words, SP, Stack.COLUMNS)
    code.add(words, words, at, lsl=2)
    code.vadd_reg(Q7, Q6, words)
    for channel in range(GROUP):
        code.vldrw_gather(Q0, Q7, 4 * channel)
        code.vmov_lane(Q0, 3, R7)
        code.vstrw(Q0, group, TAPS + VECTOR * channel)
    code.adds(group, group, CONSTANTS)
    code.cmp_reg(at, last)
    code.b_if(EQ, "constants done")
    code.adds(at, at, GROUP)
    code.cmp_reg(at, last)
    code.it(GT)
    code.mov(at, last)
    code.b("constants")
    code.label("constants done")
