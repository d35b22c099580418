# SPDX-License-Identifier: MIT
"""Lays out the windows of a tile in scratch, as unsigned bytes x + 128.

Of each four pixels the taps lie interleaved: tap 0 of the four, tap 1 of the four … The windows of up to
three pixels that are left over follow one after the other. Outside the picture is the input's zero point.
"""

from galago.native.kernels.rv32imc.function import REGISTERS, Function
from galago.native.riscv import ZERO


def gather(code: Function) -> None:
    """Writes the windows of output rows first … last to the address in the frame's word `windows`.

    Also in the frame: `pixels`, their number, and `taps` of each.
    """
    byte, source, target, stride, at, limit, zero, end = REGISTERS[:8]
    record, pixel, top, start, y, bottom, rows, columns = REGISTERS[8:16]
    line, width, step, depth, height, picture, pixels, taps = REGISTERS[16:24]
    windows, t = REGISTERS[24:26]
    code.load(record, "record")
    code.word(zero, "in_zero", record)
    code.addi(zero, zero, 128)
    code.word(depth, "in_c", record)
    for bytes_, elements in ((line, "in_w"), (width, "k_w"), (step, "s_w")):
        code.word(bytes_, elements, record)
        code.mul(bytes_, bytes_, depth)
    code.word(height, "in_h", record)
    code.word(rows, "input_rows", record)
    code.word(picture, "input", record)
    code.load(t, "arena")
    code.add(picture, picture, t)
    code.load(top, "first")
    code.word(t, "s_h", record)
    code.mul(top, top, t)
    code.word(t, "p_t", record)
    code.sub(top, top, t)
    code.load(windows, "windows")
    code.load(pixels, "pixels")
    code.load(taps, "taps")
    code.li(pixel, 0)

    code.label("row")
    code.word(columns, "out_w", record)
    code.word(start, "p_l", record)
    code.mul(start, start, depth)
    code.sub(start, ZERO, start)
    code.label("column")
    # The pixel's window: the first tap at `target`, the next `stride` bytes on.
    code.andi(t, pixel, 3)
    code.sub(target, pixel, t)  # of the four, the first
    code.addi(at, target, 4)
    code.li(stride, 4)
    code.bge(pixels, at, "four")
    code.mv(target, pixel)
    code.li(stride, 1)
    code.li(t, 0)
    code.label("four")
    code.mul(target, target, taps)
    code.add(target, target, t)
    code.add(target, target, windows)
    code.mv(y, top)
    code.word(bottom, "k_h", record)
    code.add(bottom, bottom, top)

    code.label("line")
    code.mv(at, start)
    code.add(end, start, width)
    code.mv(limit, end)
    code.bgeu(y, height, "before")  # above the picture, as an unsigned number, or below
    code.bge(ZERO, end, "before")
    code.li(limit, 0)
    code.label("before")
    _outside(code, at, limit, zero, target, stride)
    code.bge(at, end, "done")
    code.mv(limit, line)
    code.bge(end, line, "inside")
    code.mv(limit, end)
    code.label("inside")
    code.remu(source, y, rows)
    code.mul(source, source, line)
    code.add(source, source, picture)
    code.add(t, source, limit)
    code.add(source, source, at)
    _copy(code, source, t, byte, target, stride)
    code.mv(at, limit)
    _outside(code, at, end, zero, target, stride)
    code.label("done")
    code.addi(y, y, 1)
    code.bne(y, bottom, "line")

    code.add(start, start, step)
    code.addi(pixel, pixel, 1)
    code.addi(columns, columns, -1)
    code.bnez(columns, "column")
    code.word(t, "s_h", record)
    code.add(top, top, t)
    code.blt(pixel, pixels, "row")


def _outside(code: Function, at: int, limit: int, zero: int, target: int, stride: int) -> None:
    """Writes the zero point from `at` on, up to a limit."""
    again, done = code.fresh("again"), code.fresh("outside")
    code.bge(at, limit, done)
    code.label(again)
    code.sb(zero, 0, target)
    code.add(target, target, stride)
    code.addi(at, at, 1)
    code.blt(at, limit, again)
    code.label(done)


def _copy(code: Function, source: int, end: int, byte: int, target: int, stride: int) -> None:
    """Copies at least one byte, x + 128."""
    code.label("copy")
    code.lbu(byte, 0, source)
    code.xori(byte, byte, 0x80)
    code.sb(byte, 0, target)
    code.add(target, target, stride)
    code.addi(source, source, 1)
    code.bne(source, end, "copy")
