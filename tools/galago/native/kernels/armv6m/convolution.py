# SPDX-License-Identifier: MIT
"""Blocks of up to four pixels of one channel on ARMv6-M: 2.6 instructions for a multiplication."""

from collections.abc import Callable

from galago.native.assemblers.thumb import LR, NE, R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10, R11, R12
from galago.native.kernels.armv6m.function import Function
from galago.native.kernels.armv6m.requantize import Requantize
from galago.native.kernels.rounding import Rounding
from galago.native.kernels.scalar import convolution
from galago.native.kernels.scalar.convolution import scratch as scratch
from galago.native.kernels.scalar.pairs import TURNS

_WEIGHT, _POINTER, _WINDOW = R4, R5, R6
_END, _PAIR = R11, LR
_BOTH, _UPPER = (R8, R9), (R7, R10)
"""The two sums of each pair of pixels (scalar/pairs.py)."""


def build(rounding: Rounding) -> bytes:
    """The function for all convolutions with the same rounding."""
    code = Function(*convolution.FRAME, *Requantize.FRAME)
    requantize = Requantize(code, rounding, {})

    def channel(_: int) -> None:
        code.load(R4, "entry")
        requantize.channel(R4, R5, R6)

    def block(_: int, pixels: int) -> None:
        if pixels == 1:
            _sum(code, rounding.shifted)
        else:
            _sums(code, rounding.shifted)
        _bytes(code, requantize, pixels)

    return convolution.build(code, rounding, (1,), block, channel)


def _sums(code: Function, shifted: bool) -> None:
    """The sums of four pixels of one channel, in R0 … R3."""
    code.load(R4, "entry")
    code.ldr(R0, R4, 8)
    if shifted:
        code.load(R6, "correction")
    for pair in range(2):
        lower, upper = R0, R0
        if shifted:
            lower, upper = R1, R2
            code.ldr(R1, R6, 8 * pair)
            code.ldr(R2, R6, 8 * pair + 4)
            code.adds_reg(R1, R1, R0)
            code.adds_reg(R2, R2, R0)
        if shifted or not pair:
            code.lsls(R3, upper, 16)
            code.adds_reg(R3, R3, lower)
        code.mov(_BOTH[pair], R3)
        code.mov(_UPPER[pair], upper)
    code.load(R0, "pair")
    code.mov(_PAIR, R0)
    _over_taps(code, _pairs, "pairs")
    code.mov(R3, R10)
    code.mov(R2, R9)
    code.lsls(R4, R3, 16)
    code.subs_reg(R2, R2, R4)
    code.mov(R1, R7)
    code.mov(R0, R8)
    code.lsls(R4, R1, 16)
    code.subs_reg(R0, R0, R4)


def _pairs(code: Function, taps: int) -> None:
    """Adds the products of so many taps with two pairs of pixels."""
    for first in range(0, taps, 2):
        for tap in range(first, min(first + 2, taps)):
            products = (R0, R1) if tap == first else (R2, R3)
            code.ldm(_WINDOW, *products)
            code.load8s(_WEIGHT, _POINTER, tap)
            for product in products:
                code.muls(product, _WEIGHT)
        for total, product, both, upper in zip((R0, R1), (R2, R3), _BOTH, _UPPER, strict=True):
            if first + 1 < taps:
                code.adds_reg(total, total, product)
            code.add_to(total, _PAIR)
            code.add_to(both, total)
            code.lsrs(total, total, 16)
            code.add_to(upper, total)


def _sum(code: Function, shifted: bool) -> None:
    """The sum of one pixel, in R0."""
    code.load(R4, "entry")
    code.ldr(R0, R4, 8)
    for name in ("lift", "correction")[: 1 + shifted]:
        code.load(R4, name)
        if name == "correction":
            code.ldr(R4, R4)
        code.adds_reg(R0, R0, R4)
    _over_taps(code, _singles, "singles")


def _singles(code: Function, taps: int) -> None:
    """Adds the products of so many taps with one pixel."""
    for tap in range(taps):
        if tap % 2 == 0:
            code.ldm(_WINDOW, *(R2, R3)[: taps - tap])
        product = R2 + tap % 2
        code.load8s(_WEIGHT, _POINTER, tap)
        code.muls(product, _WEIGHT)
        code.adds_reg(R0, R0, product)


def _over_taps(code: Function, turn: Callable[[Function, int], None], name: str) -> None:
    """Goes over all taps. R4 is lost, and `_END`."""
    code.load(_WINDOW, "window")
    code.load(_POINTER, "weights")
    for taps, end in TURNS:
        again, done = f"{name}{taps}", f"{name}{taps}_done"
        code.load(R4, end)
        code.mov(_END, R4)
        code.cmp_reg(_POINTER, R4)
        code.beq(done)
        code.label(again)
        turn(code, taps)
        code.adds(_POINTER, _POINTER, taps)
        code.cmp_reg(_POINTER, _END)
        code.b_if(NE, again)
        code.label(done)
    code.store(_WINDOW, "window")


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
