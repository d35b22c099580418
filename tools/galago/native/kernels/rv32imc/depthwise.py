# SPDX-License-Identifier: MIT
"""The sums of a row on RV32IMC: nine weights stay in registers in a loop over a row of one channel.

An activation is used for all outputs of an iteration that it contributes to.
"""

from collections.abc import Sequence

from galago.native.assemblers.riscv import ZERO
from galago.native.kernels.rounding import Rounding
from galago.native.kernels.rv32imc.function import REGISTERS, Function, Requantize
from galago.native.kernels.scalar import depthwise
from galago.native.kernels.scalar.depthwise import scratch as scratch

_UNROLLED = 3  # outputs of one iteration of the inner loop


def build(rounding: Rounding, stride: int) -> bytes:
    """The function for all layers of one stride with the same rounding."""
    code = Function(*depthwise.FRAME)
    return depthwise.build(code, rounding, stride, lambda: _row(code, rounding, stride))


def _row(code: Function, rounding: Rounding, stride: int) -> None:
    """Emits one output row, channel by channel."""
    x, *weights = REGISTERS[:10]
    rows, sums = REGISTERS[10:13], REGISTERS[13 : 13 + _UNROLLED]
    out, left, bias, depth, product = REGISTERS[16:21]
    requantize = Requantize(code, rounding, REGISTERS[21:28])
    t = x
    requantize.bounds()
    for name, start in (("entry", "table"), ("weight", "packed"), ("channel_rows", "rows")):
        code.move(name, start, t)
    code.load(depth, "channels")
    code.load(t, "out")
    code.add(t, t, depth)
    code.store(t, "row_end")
    code.label("channel")
    code.load(t, "entry")
    requantize.channel(t)
    code.lw(bias, 8, t)
    code.addi(t, t, 12)
    code.store(t, "entry")
    code.load(t, "state")
    for i, row in enumerate(rows):
        code.lw(row, 4 * i, t)
    code.load(t, "channel_rows")
    for row in rows:
        code.add(row, row, t)
    code.load(left, "size")
    code.add(t, t, left)
    code.store(t, "channel_rows")
    code.load(t, "weight")
    for tap, weight in enumerate(weights):
        code.lb(weight, tap, t)
    if rounding.shifted:
        code.load(product, "minus_zero")
        for weight in weights:
            code.add(weight, weight, product)
    code.addi(t, t, 9)
    code.store(t, "weight")
    code.load(out, "out")
    code.load(left, "width")
    code.addi(t, out, 1)
    code.store(t, "out")

    def turn(outputs: int) -> None:
        _sums(code, stride, rows, weights, sums[:outputs], x, product)
        for row in rows:
            code.addi(row, row, outputs * stride)
        for total in sums[:outputs]:
            code.add(total, total, bias)
            requantize.byte(total, 0, out)
            code.add(out, out, depth)

    code.addi(left, left, -_UNROLLED)
    code.blt(left, ZERO, "few")
    code.label("turn")
    turn(_UNROLLED)
    code.addi(left, left, -_UNROLLED)
    code.bge(left, ZERO, "turn")
    code.label("few")
    code.addi(left, left, _UNROLLED)
    code.beqz(left, "done")
    code.label("one")
    turn(1)
    code.addi(left, left, -1)
    code.bnez(left, "one")
    code.label("done")
    code.load(t, "out")
    code.load(left, "row_end")
    code.bne(t, left, "channel")


def _sums(
    code: Function,
    stride: int,
    rows: Sequence[int],
    weights: Sequence[int],
    sums: Sequence[int],
    x: int,
    product: int,
) -> None:
    """Emits the sums of adjacent outputs of one channel."""
    for column in range((len(sums) - 1) * stride + 3):
        for ky in range(3):
            users = [n for n in range(len(sums)) if 0 <= column - n * stride < 3]
            if users:
                code.lbu(x, column, rows[ky])
            for n in users:
                kx = column - n * stride
                if kx == ky == 0:
                    code.mul(sums[n], x, weights[0])
                else:
                    code.mul(product, x, weights[3 * ky + kx])
                    code.add(sums[n], sums[n], product)
