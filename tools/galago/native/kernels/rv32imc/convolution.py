# SPDX-License-Identifier: MIT
"""Blocks of up to four pixels and two channels on RV32IMC: 2.3 instructions per MAC."""

from collections.abc import Callable

from galago.native.kernels.rounding import Rounding
from galago.native.kernels.rv32imc.function import REGISTERS, Function, Requantize
from galago.native.kernels.scalar import convolution
from galago.native.kernels.scalar.convolution import scratch as scratch
from galago.native.kernels.scalar.pairs import TURNS

_FIRST, _SECOND = REGISTERS[:2], REGISTERS[2:4]
"""Pairs of pixels at two taps."""
_WEIGHT, _T, _U, _WINDOW = REGISTERS[4:8]
_POINTERS, _END, _PAIR, _PRODUCT = REGISTERS[8:10], REGISTERS[10], REGISTERS[11], REGISTERS[12]
_BOTH, _UPPER = REGISTERS[13:17], REGISTERS[17:21]
"""The two sums of each pair (scalar/pairs.py), channel by channel."""


def build(rounding: Rounding) -> bytes:
    """The function for all convolutions with the same rounding."""
    code = Function(*convolution.FRAME)

    def block(channels: int, pixels: int) -> None:
        sums = (_sum if pixels == 1 else _sums)(code, channels, rounding.shifted)
        _bytes(code, rounding, sums, pixels)

    return convolution.build(code, rounding, (2, 1), block)


def _sums(code: Function, channels: int, shifted: bool) -> list[int]:
    """The sums of four pixels of some channels, channel by channel, in the registers that it returns."""
    both, upper = _BOTH[: 2 * channels], _UPPER[: 2 * channels]
    code.load(_T, "entry")
    if shifted:
        code.load(_END, "correction")
    for q in range(channels):
        code.lw(_U, 12 * q + 8, _T)
        for pair in range(2):
            lower, total = _U, upper[2 * q + pair]
            if shifted:
                lower = _FIRST[0]
                code.lw(lower, 8 * pair, _END)
                code.add(lower, lower, _U)
                code.lw(total, 8 * pair + 4, _END)
                code.add(total, total, _U)
            else:
                code.mv(total, _U)
            if pair and not shifted:
                code.mv(both[2 * q + 1], both[2 * q])
                continue
            code.slli(both[2 * q + pair], total, 16)
            code.add(both[2 * q + pair], both[2 * q + pair], lower)
    code.load(_PAIR, "pair")
    _over_taps(code, _pairs, channels, f"pairs{channels}")
    for each, total in zip(both, upper, strict=True):
        code.slli(_T, total, 16)
        code.sub(each, each, _T)
    return [register for pair in zip(both, upper, strict=True) for register in pair]


def _pairs(code: Function, channels: int, taps: int) -> None:
    """Adds the products of so many taps with two pairs of pixels."""
    for first in range(0, taps, 2):
        two = first + 1 < taps
        for i in range(2):
            code.lw(_FIRST[i], 8 * first + 4 * i, _WINDOW)
            if two:
                code.lw(_SECOND[i], 8 * first + 8 + 4 * i, _WINDOW)
        for q in range(channels):
            code.lb(_WEIGHT, first, _POINTERS[q])
            code.mul(_T, _FIRST[0], _WEIGHT)
            code.mul(_U, _FIRST[1], _WEIGHT)
            if two:
                code.lb(_WEIGHT, first + 1, _POINTERS[q])
            for i, total in enumerate((_T, _U)):
                if two:
                    code.mul(_PRODUCT, _SECOND[i], _WEIGHT)
                    code.add(total, total, _PRODUCT)
                code.add(total, total, _PAIR)
                code.add(_BOTH[2 * q + i], _BOTH[2 * q + i], total)
                code.srli(total, total, 16)
                code.add(_UPPER[2 * q + i], _UPPER[2 * q + i], total)
    code.addi(_WINDOW, _WINDOW, 8 * taps)


def _sum(code: Function, channels: int, shifted: bool) -> list[int]:
    """The sums of one pixel, in the registers that it returns."""
    sums = list(_BOTH[:channels])
    code.load(_T, "entry")
    code.load(_U, "lift")
    if shifted:
        code.load(_WEIGHT, "correction")
        code.lw(_WEIGHT, 0, _WEIGHT)
        code.add(_U, _U, _WEIGHT)
    for q, total in enumerate(sums):
        code.lw(total, 12 * q + 8, _T)
        code.add(total, total, _U)
    _over_taps(code, _singles, channels, f"singles{channels}")
    return sums


def _singles(code: Function, channels: int, taps: int) -> None:
    """Adds the products of so many taps with one pixel."""
    for tap in range(taps):
        code.lw(_T, 4 * tap, _WINDOW)
        for q in range(channels):
            code.lb(_WEIGHT, tap, _POINTERS[q])
            code.mul(_WEIGHT, _WEIGHT, _T)
            code.add(_BOTH[q], _BOTH[q], _WEIGHT)
    code.addi(_WINDOW, _WINDOW, 4 * taps)


def _over_taps(code: Function, turn: Callable[[Function, int, int], None], channels: int, name: str) -> None:
    """Goes over all taps."""
    first = _POINTERS[0]
    code.load(_WINDOW, "window")
    code.load(first, "weights")
    code.load(_T, "taps")
    for pointer in _POINTERS[1:channels]:
        code.add(pointer, first, _T)
    for taps, end in TURNS:
        again, done = f"{name}_{taps}", f"{name}_{taps}_done"
        code.load(_END, end)
        code.beq(first, _END, done)
        code.label(again)
        turn(code, channels, taps)
        for pointer in _POINTERS[:channels]:
            code.addi(pointer, pointer, taps)
        code.bne(first, _END, again)
        code.label(done)
    code.store(_WINDOW, "window")


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
