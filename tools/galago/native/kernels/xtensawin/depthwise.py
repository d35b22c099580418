# SPDX-License-Identifier: MIT
"""A row on Xtensa: first the sums of one channel, three outputs side by side, then their bytes."""

from galago.native.kernels.rounding import Rounding
from galago.native.kernels.scalar import depthwise
from galago.native.kernels.xtensawin.function import REGISTERS, Function, Requantize
from galago.tflite.records import Record

_UNROLLED = 3  # outputs of one iteration of the inner loop


def scratch(record: Record) -> tuple[int, int]:
    """Bytes of scratch row by row, and where the layer runs whole."""
    return depthwise.scratch(record, keeps_sums=True)


def build(rounding: Rounding, stride: int) -> bytes:
    """The function for all layers of one stride with the same rounding."""
    code = Function(*depthwise.FRAME, *Requantize.FRAME, "sums_end")
    return depthwise.build(code, rounding, stride, lambda: _row(code, rounding, stride))


def _row(code: Function, rounding: Rounding, stride: int) -> None:
    """Emits one output row, channel by channel."""
    t, u = REGISTERS[:2]
    for name, start in (("entry", "table"), ("weight", "packed"), ("channel_rows", "rows")):
        code.move(name, start, t)
    code.load(t, "out")
    code.load(u, "channels")
    code.add(t, t, u)
    code.store(t, "row_end")
    code.load(t, "width")
    code.load(u, "sums")
    code.slli(t, t, 2)
    code.add(t, t, u)
    code.store(t, "sums_end")
    code.label("channel")
    _sums(code, stride, rounding.shifted)
    _bytes(code, rounding)
    code.advance("out", 1, t)
    code.load(u, "row_end")
    code.branch_if(t, "!=", u, "channel")


def _sums(code: Function, stride: int, shifted: bool) -> None:
    """The sums of a channel's row, bias aside."""
    rows, totals, weights = REGISTERS[:3], REGISTERS[3 : 3 + _UNROLLED], REGISTERS[6:9]
    x, product, weight, at, left = REGISTERS[9:14]
    code.load(at, "state")
    for i, row in enumerate(rows):
        code.l32i(row, at, 4 * i)
    code.load(at, "channel_rows")
    for row in rows:
        code.add(row, row, at)
    code.load(x, "size")
    code.add(at, at, x)
    code.store(at, "channel_rows")
    code.load(weight, "weight")
    code.load(at, "sums")
    code.load(left, "width")

    def turn(outputs: int) -> None:
        for ky, row in enumerate(rows):
            for kx in range(3):
                code.load8s(weights[kx], weight, 3 * ky + kx)
            if shifted:
                code.load(product, "minus_zero")
                for each in weights:
                    code.add(each, each, product)
            for column in range((outputs - 1) * stride + 3):
                users = [n for n in range(outputs) if 0 <= column - n * stride < 3]
                if users:
                    code.l8ui(x, row, column)
                for n in users:
                    kx = column - n * stride
                    if kx == ky == 0:
                        code.mull(totals[n], x, weights[0])
                    else:
                        code.mull(product, x, weights[kx])
                        code.add(totals[n], totals[n], product)
            code.addi(row, row, outputs * stride)
        for n in range(outputs):
            code.s32i(totals[n], at, 4 * n)
        code.addi(at, at, 4 * outputs)

    code.addi(left, left, -_UNROLLED)
    code.bltz(left, "few")
    code.label("turn")
    turn(_UNROLLED)
    code.addi(left, left, -_UNROLLED)
    code.bgez(left, "turn")
    code.label("few")
    code.addi(left, left, _UNROLLED)
    code.beqz(left, "summed")
    code.label("one")
    turn(1)
    code.addi(left, left, -1)
    code.bnez(left, "one")
    code.label("summed")
    code.addi(weight, weight, 9)
    code.store(weight, "weight")


def _bytes(code: Function, rounding: Rounding) -> None:
    """Rounds and stores the sums of a channel's row."""
    total, bias, at, out, depth, end, *rest = REGISTERS
    requantize = Requantize(code, rounding, tuple(rest))
    entry = at
    requantize.bounds()
    code.load(entry, "entry")
    requantize.channel(entry)
    code.l32i(bias, entry, 8)
    code.addi(entry, entry, 12)
    code.store(entry, "entry")
    code.load(at, "sums")
    code.load(end, "sums_end")
    code.load(out, "out")
    code.load(depth, "channels")
    code.label("byte")
    code.l32i(total, at, 0)
    code.add(total, total, bias)
    requantize.byte(total, 0, out)
    code.add(out, out, depth)
    code.addi(at, at, 4)
    code.branch_if(at, "!=", end, "byte", near=True)
