# SPDX-License-Identifier: MIT
"""Blocks of up to four pixels and four channels on RV32IMC: 2.5 instructions per MAC."""

from galago.native.kernels.rounding import Rounding
from galago.native.kernels.rv32imc.function import REGISTERS, Function, Requantize
from galago.native.kernels.scalar import convolution
from galago.native.kernels.scalar.convolution import scratch as scratch

_UNROLLED = {4: 8, 1: 4}  # pixels → taps in one iteration of the inner loop of a block of four channels


def build(rounding: Rounding) -> bytes:
    """The function for all convolutions with the same rounding."""
    code = Function(*convolution.FRAME)

    def block(channels: int, pixels: int) -> None:
        sums = _sums(code, channels, pixels, rounding.shifted)
        _bytes(code, rounding, sums, pixels)

    return convolution.build(code, rounding, (4, 1), block)


def _sums(code: Function, channels: int, pixels: int, shifted: bool) -> list[int]:
    """The sums of a block, channel by channel, in the registers that it returns."""
    free = list(REGISTERS)
    first, end, x, product = (free.pop(0) for _ in range(4))
    pointers = [first, *(free.pop(0) for _ in range(channels - 1))]  # to each channel's weights
    weights = [free.pop(0) for _ in range(channels)]
    sums = [free.pop(0) for _ in range(channels * pixels)]
    window = free.pop(0)
    code.load(x, "entry")
    for q in range(channels):
        code.lw(sums[q * pixels], 12 * q + 8, x)
    if shifted:
        code.load(end, "correction")
    for p in reversed(range(0 if shifted else 1, pixels)):
        if shifted:
            code.lw(product, 4 * p, end)
        for start, total in zip(sums[::pixels], sums[p::pixels], strict=True):
            code.add(total, start, product) if shifted else code.mv(total, start)
    code.load(first, "weights")
    code.load(x, "taps")
    for q in range(1, channels):
        code.add(pointers[q], pointers[q - 1], x)
    code.load(window, "window")

    def turn(taps: int, again: str) -> None:
        code.label(again)
        for tap in range(taps):
            for weight, pointer in zip(weights, pointers, strict=True):
                code.lb(weight, tap, pointer)
            for p in range(pixels):
                code.lbu(x, tap * pixels + p, window)
                for q in range(channels):
                    code.mul(product, x, weights[q])
                    code.add(sums[q * pixels + p], sums[q * pixels + p], product)
        for pointer in pointers:
            code.addi(pointer, pointer, taps)
        code.addi(window, window, taps * pixels)
        code.bne(first, end, again)

    name = f"{channels}{pixels}"
    if channels == 4:
        unrolled = _UNROLLED[pixels]
        code.andi(end, x, -unrolled)
        code.beqz(end, f"few{name}")
        code.add(end, end, first)
        turn(unrolled, f"taps{name}")
        code.label(f"few{name}")
        code.load(x, "taps")
        code.andi(end, x, unrolled - 1)
    else:
        code.mv(end, x)
    code.beqz(end, f"summed{name}")
    code.add(end, end, first)
    turn(1, f"tap{name}")
    code.label(f"summed{name}")
    code.store(window, "window")
    return sums


def _bytes(code: Function, rounding: Rounding, sums: list[int], pixels: int) -> None:
    """Rounds and stores the sums of a block."""
    entry, out, step, *rest = [register for register in REGISTERS if register not in sums]
    requantize = Requantize(code, rounding, tuple(rest))
    requantize.bounds()
    code.load(entry, "entry")
    code.load(step, "out_c")
    for q in range(len(sums) // pixels):
        requantize.channel(entry, 12 * q)
        code.load(out, "out")
        for p in range(pixels):
            requantize.byte(sums[q * pixels + p], q, out)
            code.add(out, out, step)
    code.store(out, "out")
