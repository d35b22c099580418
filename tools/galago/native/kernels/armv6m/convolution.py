# SPDX-License-Identifier: MIT
"""Blocks of up to four pixels of one channel on ARMv6-M: 3.6 instructions for a multiplication."""

from galago.native.assemblers.thumb import LR, NE, R0, R4, R5, R6, R7, R12
from galago.native.kernels.armv6m.function import Function
from galago.native.kernels.armv6m.requantize import Requantize
from galago.native.kernels.rounding import Rounding
from galago.native.kernels.scalar import convolution
from galago.native.kernels.scalar.convolution import scratch as scratch

_UNROLLED = 8  # taps in one turn of the inner loop: as far as offsets reach


def build(rounding: Rounding) -> bytes:
    """The function for all convolutions with the same rounding."""
    code = Function(*convolution.FRAME, *Requantize.FRAME)
    requantize = Requantize(code, rounding)

    def channel(_: int) -> None:
        code.load(R4, "entry")
        requantize.channel(R4, R5, R6)

    def block(_: int, pixels: int) -> None:
        _sums(code, pixels, rounding.shifted)
        _bytes(code, requantize, pixels)

    return convolution.build(code, rounding, (1,), block, channel)


def _sums(code: Function, pixels: int, shifted: bool) -> None:
    """The sums of some pixels of one channel, in the first registers."""
    product, weight, window, pointer = R4, R5, R6, R7
    code.load(product, "entry")
    code.ldr(R0, product, 8)
    if shifted:
        code.load(window, "correction")
    for p in reversed(range(0 if shifted else 1, pixels)):
        if shifted:
            code.ldr(product, window, 4 * p)
            code.adds_reg(p, R0, product)
        else:
            code.mov(p, R0)
    code.load(window, "window")
    code.load(pointer, "weights")

    def turn(taps: int, again: str) -> None:
        code.label(again)
        for tap in range(taps):
            code.load8s(weight, pointer, tap)
            for p in range(pixels):
                code.ldrb(product, window, tap * pixels + p)
                code.muls(product, weight)
                code.adds_reg(p, p, product)
        code.adds(window, window, taps * pixels)
        code.adds(pointer, pointer, taps)
        code.cmp_reg(pointer, R12)
        code.b_if(NE, again)

    for taps in (_UNROLLED, 1) if pixels > 1 else (1,):
        done = f"taps{taps}.{pixels}"
        code.load(product, "taps")
        if taps > 1:
            code.lsrs(product, product, 3)
            code.lsls(product, product, 3)
        code.load(weight, "weights")
        code.adds_reg(product, product, weight)
        code.mov(R12, product)
        code.cmp_reg(pointer, product)
        code.beq(done)
        turn(taps, f"again{taps}.{pixels}")
        code.label(done)
    code.store(window, "window")


def _bytes(code: Function, requantize: Requantize, pixels: int) -> None:
    """Rounds and stores the sums."""
    code.load(R4, "out")
    code.mov(R12, R4)
    code.load(R4, "out_c")
    code.mov(LR, R4)
    for p in range(pixels):
        requantize.byte(p, R4, R5, R6, R7, R12)
        code.add_to(R12, LR)
    code.mov(R4, R12)
    code.store(R4, "out")
