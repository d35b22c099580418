# SPDX-License-Identifier: MIT
"""A row on ARMv6-M: first the sums of one channel, three outputs side by side, then their bytes."""

from galago.native.assemblers.thumb import GE, LR, LT, NE, R0, R1, R2, R3, R4, R5, R6, R7, R8, R11, R12
from galago.native.kernels.armv6m.function import Function
from galago.native.kernels.armv6m.requantize import REGISTERS, Requantize
from galago.native.kernels.rounding import Rounding
from galago.native.kernels.scalar import depthwise
from galago.tflite.records import Record

_UNROLLED = 3  # outputs of one turn of the inner loop


def scratch(record: Record) -> tuple[int, int]:
    """Bytes of scratch row by row, and where the layer runs whole."""
    return depthwise.scratch(record, keeps_sums=True)


def build(rounding: Rounding, stride: int) -> bytes:
    """The function for all layers of one stride with the same rounding."""
    code = Function(*depthwise.FRAME, *Requantize.FRAME)
    return depthwise.build(code, rounding, stride, lambda: _row(code, rounding, stride))


def _row(code: Function, rounding: Rounding, stride: int) -> None:
    """Emits one output row, channel by channel."""
    for name, start in (("entry", "table"), ("weight", "packed"), ("channel_rows", "rows")):
        code.move(name, start, R0)
    code.load(R0, "out")
    code.load(R1, "channels")
    code.adds_reg(R0, R0, R1)
    code.store(R0, "row_end")
    code.label("channel")
    _sums(code, stride, rounding.shifted)
    _bytes(code, rounding)
    code.advance("out", 1, R0)
    code.load(R1, "row_end")
    code.branch_if(R0, "!=", R1, "channel")


def _sums(code: Function, stride: int, shifted: bool) -> None:
    """The sums of a channel's row, bias aside. R8 … R10 go along its rows, R11 along the sums.

    R12 is minus the weights' zero point, if they have one.
    """
    sums, product, weight, row, pointer = (R0, R1, R2), R3, R4, R5, R6
    code.load(R0, "state")
    code.load(R1, "channel_rows")
    for i in range(3):
        code.ldr(R2, R0, 4 * i)
        code.adds_reg(R2, R2, R1)
        code.mov(R8 + i, R2)
    code.load(R2, "size")
    code.adds_reg(R1, R1, R2)
    code.store(R1, "channel_rows")
    code.load(R0, "sums")
    code.mov(R11, R0)
    if shifted:
        code.load(R0, "minus_zero")
        code.mov(R12, R0)
    code.load(pointer, "weight")
    code.load(R7, "width")

    def turn(outputs: int) -> None:
        for ky in range(3):
            code.mov(row, R8 + ky)
            for kx in range(3):
                code.load8s(weight, pointer, 3 * ky + kx)
                if shifted:
                    code.add_to(weight, R12)
                for n in range(outputs):
                    target = sums[n] if ky == kx == 0 else product
                    code.ldrb(target, row, n * stride + kx)
                    code.muls(target, weight)
                    if target == product:
                        code.adds_reg(sums[n], sums[n], product)
            code.adds(row, row, outputs * stride)
            code.mov(R8 + ky, row)
        code.mov(row, R11)
        code.stm(row, *sums[:outputs])
        code.mov(R11, row)

    code.subs(R7, R7, _UNROLLED)
    code.b_if(LT, "few")
    code.label("turn")
    turn(_UNROLLED)
    code.subs(R7, R7, _UNROLLED)
    code.b_if(GE, "turn")
    code.label("few")
    code.adds(R7, R7, _UNROLLED)
    code.beq("summed")
    code.label("one")
    turn(1)
    code.subs(R7, R7, 1)
    code.bne("one")
    code.label("summed")
    code.adds(pointer, pointer, 9)
    code.store(pointer, "weight")


def _bytes(code: Function, rounding: Rounding) -> None:
    """Rounds and stores the sums of a channel's row. R12 goes along the output, LR ends the sums."""
    requantize = Requantize(code, rounding, REGISTERS)
    total, t, u, v, w, at, bias = R0, R1, R2, R3, R4, R5, R6
    code.load(at, "entry")
    requantize.channel(at, t, u)
    code.ldr(bias, at, 8)
    code.adds(at, at, 12)
    code.store(at, "entry")
    code.load(t, "out")
    code.mov(R12, t)
    code.load(at, "sums")
    code.load(t, "width")
    code.lsls(t, t, 2)
    code.adds_reg(t, t, at)
    code.mov(LR, t)
    code.load(R7, "channels")
    code.label("byte")
    code.ldm(at, total)
    code.adds_reg(total, total, bias)
    requantize.byte(total, t, u, v, w, R12)
    code.add_to(R12, R7)
    code.cmp_reg(at, LR)
    code.b_if(NE, "byte")
