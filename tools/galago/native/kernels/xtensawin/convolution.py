# SPDX-License-Identifier: MIT
"""Blocks of up to four pixels and two channels on Xtensa: 3.25 instructions per MAC."""

from galago.native.kernels.rounding import Rounding
from galago.native.kernels.scalar import convolution
from galago.native.kernels.scalar.convolution import scratch as scratch
from galago.native.kernels.xtensawin.function import REGISTERS, Function, Requantize

_UNROLLED = 8  # taps in one iteration of the inner loop of the largest block
_SUMS = tuple(f"sum{i}" for i in range(8))


def build(rounding: Rounding) -> bytes:
    """The function for all convolutions with the same rounding."""
    code = Function(*convolution.FRAME, "end", *_SUMS)

    def block(channels: int, pixels: int) -> None:
        _sums(code, channels, pixels, rounding.shifted)
        _bytes(code, rounding, channels, pixels)

    return convolution.build(code, rounding, (2, 1), block)


def _sums(code: Function, channels: int, pixels: int, shifted: bool) -> None:
    """Leaves the sums of a block in the frame, channel by channel."""
    sums = REGISTERS[: channels * pixels]
    window, weight, x, t, *weights = REGISTERS[8:14]
    name = f"{channels}{pixels}"
    code.load(t, "entry")
    for q in range(channels):
        code.l32i(sums[q * pixels], t, 12 * q + 8)
    if shifted:
        code.load(x, "correction")
    for p in reversed(range(0 if shifted else 1, pixels)):
        if shifted:
            code.l32i(t, x, 4 * p)
        for start, total in zip(sums[::pixels], sums[p::pixels], strict=True):
            code.add(total, start, t) if shifted else code.mov(total, start)
    code.load(window, "window")
    code.load(weight, "weights")

    def turn(taps: int, again: str) -> None:
        code.label(again)
        for tap in range(taps):
            code.load8s(weights[0], weight, tap)
            if channels > 1:
                code.load(t, "taps")
                code.add(t, t, weight)
                code.load8s(weights[1], t, tap)
            for p in range(pixels):
                code.l8ui(x, window, tap * pixels + p)
                for q in range(channels):
                    product = x if q == channels - 1 else t
                    code.mull(product, x, weights[q])
                    code.add(sums[q * pixels + p], sums[q * pixels + p], product)
        code.addi(weight, weight, taps)
        code.addi(window, window, taps * pixels)
        code.load(t, "end")
        code.sub(t, t, weight)
        code.bnez(t, again)

    code.load(t, "taps")
    if channels * pixels == 8:
        code.extui(x, t, 0, 3)  # taps beyond the last turn of eight
        code.sub(t, t, x)
        code.add(x, weight, t)
        code.store(x, "end")
        code.beqz(t, "few")
        turn(_UNROLLED, "taps")
        code.label("few")
        code.load(t, "taps")
        code.extui(t, t, 0, 3)
    code.add(x, weight, t)
    code.store(x, "end")
    code.beqz(t, f"summed{name}")
    turn(1, f"tap{name}")
    code.label(f"summed{name}")
    code.store(window, "window")
    for i, total in enumerate(sums):
        code.store(total, _SUMS[i])


def _bytes(code: Function, rounding: Rounding, channels: int, pixels: int) -> None:
    """Rounds and stores the sums of a block."""
    total, entry, out, step, *rest = REGISTERS
    requantize = Requantize(code, rounding, tuple(rest))
    requantize.bounds()
    code.load(entry, "entry")
    code.load(step, "out_c")
    for q in range(channels):
        requantize.channel(entry, 12 * q)
        code.load(out, "out")
        for p in range(pixels):
            code.load(total, _SUMS[q * pixels + p])
            requantize.byte(total, q, out)
            code.add(out, out, step)
    code.store(out, "out")
