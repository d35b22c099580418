# SPDX-License-Identifier: MIT
"""Blocks of up to four pixels of one channel on Xtensa: 2.8 instructions per MAC."""

import functools
from collections.abc import Callable

from galago.native.kernels.rounding import Rounding
from galago.native.kernels.scalar import convolution
from galago.native.kernels.scalar.convolution import scratch as scratch
from galago.native.kernels.scalar.pairs import TURNS
from galago.native.kernels.xtensawin.function import REGISTERS, Function, Requantize

Turn = Callable[[Function, int], None]
"""Emits what so many taps add."""

_FIRST, _SECOND, _BOTH, _UPPER = REGISTERS[:2], REGISTERS[2:4], REGISTERS[4:6], REGISTERS[6:8]
"""Pairs of pixels at two taps, and the two sums of each pair (scalar/pairs.py)."""
_WEIGHT, _POINTER, _WINDOW, _END, _PAIR, _T = REGISTERS[8:]
_SUMS = tuple(register for pair in zip(_BOTH, _UPPER, strict=True) for register in pair)
_OUT, _STEP, *_OTHERS = [register for register in REGISTERS if register not in _SUMS]


def build(rounding: Rounding) -> bytes:
    """The function for all convolutions with the same rounding."""
    code = Function(*convolution.FRAME, *Requantize.FRAME, "odd_weights")
    requantize = Requantize(code, rounding, tuple(_OTHERS))

    def channel(_: int) -> None:
        requantize.bounds()
        code.load(_OUT, "entry")
        requantize.channel(_OUT)
        requantize.save()
        code.load(_T, "weights")
        code.load(_END, "taps")
        code.or_(_T, _T, _END)
        code.extui(_T, _T, 0, 1)
        code.store(_T, "odd_weights")

    def block(_: int, pixels: int) -> None:
        if pixels == 1:
            _sum(code, rounding.shifted)
        else:
            _sums(code, rounding.shifted)
        _bytes(code, requantize, pixels)

    return convolution.build(code, rounding, (1,), block, channel)


def _sums(code: Function, shifted: bool) -> None:
    """The sums of four pixels of one channel, in _SUMS."""
    bias, lower = _WEIGHT, _FIRST[0]
    code.load(_T, "entry")
    code.l32i(bias, _T, 8)
    if shifted:
        code.load(_T, "correction")
    for pair, (both, upper) in enumerate(zip(_BOTH, _UPPER, strict=True)):
        if shifted:
            code.l32i(lower, _T, 8 * pair)
            code.l32i(upper, _T, 8 * pair + 4)
            code.add(lower, lower, bias)
            code.add(upper, upper, bias)
        else:
            lower = bias
            code.mov(upper, bias)
        if pair and not shifted:
            code.mov(both, _BOTH[0])
            continue
        code.slli(both, upper, 16)
        code.add(both, both, lower)
    code.load(_PAIR, "pair")
    _over_taps(code, _pairs, "pairs", functools.partial(_pairs, even=True))
    for both, total in zip(_BOTH, _UPPER, strict=True):
        code.slli(_T, total, 16)
        code.sub(both, both, _T)


def _pairs(code: Function, taps: int, even: bool = False) -> None:
    """Adds the products of so many taps with two pairs of pixels.

    If the weights lie at an `even` address, two are loaded at once.
    """
    for first in range(0, taps, 2):
        for tap in range(first, min(first + 2, taps)):
            products = _FIRST if tap == first else _SECOND
            for i, product in enumerate(products):
                code.l32i(product, _WINDOW, 8 * tap + 4 * i)
            weight = _WEIGHT
            if not even:
                code.load8s(weight, _POINTER, tap)
            elif tap == first:
                code.l16si(_WEIGHT, _POINTER, tap)
                code.sext(weight := _T, _WEIGHT, 7)
            else:
                code.srai(_WEIGHT, _WEIGHT, 8)
            for product in products:
                code.mull(product, product, weight)
        for total, product, both, upper in zip(_FIRST, _SECOND, _BOTH, _UPPER, strict=True):
            if first + 1 < taps:
                code.add(total, total, product)
            code.add(total, total, _PAIR)
            code.add(both, both, total)
            code.extui(total, total, 16, 16)
            code.add(upper, upper, total)
    code.addi(_WINDOW, _WINDOW, 8 * taps)


def _sum(code: Function, shifted: bool) -> None:
    """The sum of one pixel, in the first of _SUMS."""
    total, product = _SUMS[0], _FIRST[0]
    code.load(_T, "entry")
    code.l32i(total, _T, 8)
    for name in ("lift", "correction")[: 1 + shifted]:
        code.load(_T, name)
        if name == "correction":
            code.l32i(_T, _T, 0)
        code.add(total, total, _T)

    def singles(code: Function, taps: int) -> None:
        for tap in range(taps):
            code.l32i(product, _WINDOW, 4 * tap)
            code.load8s(_WEIGHT, _POINTER, tap)
            code.mull(product, product, _WEIGHT)
            code.add(total, total, product)
        code.addi(_WINDOW, _WINDOW, 4 * taps)

    _over_taps(code, singles, "singles")


def _over_taps(code: Function, turn: Turn, name: str, even: Turn | None = None) -> None:
    """Goes over all taps; by `even` turns, if there are any, where each channel has an even address."""
    code.load(_WINDOW, "window")
    code.load(_POINTER, "weights")
    for taps, end in TURNS:
        done = f"{name}{taps}_done"
        code.load(_END, end)
        code.sub(_T, _END, _POINTER)
        code.beqz(_T, done)
        if even and taps > 1:
            odd = f"{name}{taps}_odd"
            code.load(_T, "odd_weights")
            code.bnez(_T, odd)
            _repeat(code, even, taps)
            code.j(done)
            code.label(odd)
        _repeat(code, turn, taps)
        code.label(done)
    code.store(_WINDOW, "window")


def _repeat(code: Function, turn: Turn, taps: int) -> None:
    """Turns of so many taps, up to _END."""
    again = code.fresh("again")
    code.label(again)
    turn(code, taps)
    code.addi(_POINTER, _POINTER, taps)
    code.sub(_T, _END, _POINTER)
    code.bnez(_T, again)


def _bytes(code: Function, requantize: Requantize, pixels: int) -> None:
    """Rounds and stores the sums of a block."""
    requantize.restore()
    code.load(_STEP, "out_c")
    code.load(_OUT, "out")
    for total in _SUMS[:pixels]:
        requantize.byte(total, 0, _OUT)
        code.add(_OUT, _OUT, _STEP)
    code.store(_OUT, "out")
