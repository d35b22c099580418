# SPDX-License-Identifier: MIT
"""CONV_2D and FULLY_CONNECTED on RV32IMC: windows in scratch, then blocks of four pixels and four channels.

The 16 sums of a block stay in registers while its taps pass by: a weight serves four pixels, an activation
four channels, so that a multiplication costs 2.5 instructions. Scratch: the table, then the windows
(gather.py).
"""

from galago.native.kernels.rounding import Rounding
from galago.native.kernels.rv32imc.function import REGISTERS, Function, Requantize
from galago.native.kernels.rv32imc.gather import gather
from galago.native.records import Record
from galago.native.riscv import ZERO

_UNROLLED = 4  # taps in one turn of the inner loop


def scratch(record: Record) -> tuple[int, int]:
    """Bytes of scratch row by row, and where the layer runs whole."""
    table, row = 12 * record.out_c, record.out_w * record.window
    return table + row, table + row * record.tile


def build(rounding: Rounding) -> bytes:
    """The function for all convolutions that round alike."""
    code = Function("windows", "pixels", "taps", "window", "entry", "out", "out_c", "pixel")
    code.enter()
    _locals(code)
    code.load(REGISTERS[0], "first")
    code.bnez(REGISTERS[0], "prepared")
    _prepare(code, rounding)
    code.label("prepared")
    code.load(REGISTERS[0], "channel")
    code.bnez(REGISTERS[0], "gathered")
    gather(code)
    code.label("gathered")
    for channels in (4, 1):
        _channels(code, rounding, channels)
    code.leave()
    return code.finish()


def _locals(code: Function) -> None:
    """Fills the frame's words."""
    record, arena, t, u, first = REGISTERS[:5]
    code.load(record, "record")
    code.load(arena, "arena")
    code.load(first, "first")
    code.word(t, "k_h", record)
    code.word(u, "k_w", record)
    code.mul(t, t, u)
    code.word(u, "in_c", record)
    code.mul(t, t, u)
    code.store(t, "taps")
    code.word(u, "scratch", record)
    code.add(arena, arena, u)
    code.load(t, "channel")
    code.li(u, 12)
    code.mul(t, t, u)
    code.add(t, t, arena)
    code.store(t, "entry")  # of the first channel to compute
    code.word(t, "out_c", record)
    code.store(t, "out_c")
    code.mul(u, t, u)
    code.add(u, u, arena)
    code.store(u, "windows")
    code.word(u, "out_w", record)
    code.mul(t, t, u)  # bytes of an output row
    code.load(arena, "last")
    code.sub(arena, arena, first)
    code.mul(u, u, arena)
    code.store(u, "pixels")
    code.word(u, "output_rows", record)
    code.remu(first, first, u)
    code.mul(t, t, first)
    code.load(arena, "arena")
    code.add(t, t, arena)
    code.word(u, "output", record)
    code.add(t, t, u)
    code.load(u, "channel")
    code.add(t, t, u)
    code.store(t, "out")


def _prepare(code: Function, rounding: Rounding) -> None:
    """Prepares the table's entries of the channels at hand."""
    record, entry, weight, zero, taps, total, w, t, channel, stop, end = REGISTERS[:11]
    requantize = Requantize(code, rounding, REGISTERS[11:18])
    code.load(record, "record")
    code.word(zero, "in_zero", record)
    code.addi(zero, zero, 128)
    code.load(entry, "entry")
    code.load(weight, "weights")
    code.load(taps, "taps")
    code.load(channel, "channel")
    code.load(stop, "stop")
    code.label("prepare")
    code.li(total, 0)
    code.add(end, weight, taps)
    code.beqz(zero, "weighed")
    code.label("weigh")
    code.lb(w, 0, weight)
    code.add(total, total, w)
    code.addi(weight, weight, 1)
    code.bne(weight, end, "weigh")
    code.label("weighed")
    requantize.prepare(entry, total, zero, t)
    code.mv(weight, end)
    code.addi(entry, entry, 12)
    code.addi(channel, channel, 1)
    code.bne(channel, stop, "prepare")


def _channels(code: Function, rounding: Rounding, channels: int) -> None:
    """All pixels of the tile for as many channels at once as are left of them."""
    t, u, v = REGISTERS[:3]
    top, done = f"channels{channels}", f"no_channels{channels}"
    code.label(top)
    code.load(t, "channel")
    code.load(u, "stop")
    code.sub(u, u, t)
    code.li(t, channels)
    code.blt(u, t, done)
    code.store(ZERO, "pixel")
    code.load(t, "windows")
    code.store(t, "window")
    for pixels in (4, 1):
        _pixels(code, rounding, channels, pixels)
    code.load(t, "channel")
    code.addi(t, t, channels)
    code.store(t, "channel")
    code.load(t, "entry")
    code.addi(t, t, 12 * channels)
    code.store(t, "entry")
    # The pointer passed all pixels of these channels; back to the first pixel of the next ones.
    code.load(t, "pixels")
    code.load(u, "out_c")
    code.mul(t, t, u)
    code.load(v, "out")
    code.sub(v, v, t)
    code.addi(v, v, channels)
    code.store(v, "out")
    code.load(t, "taps")
    code.load(u, "weights")
    code.li(v, channels)
    code.mul(t, t, v)
    code.add(u, u, t)
    code.store(u, "weights")
    code.j(top)
    code.label(done)


def _pixels(code: Function, rounding: Rounding, channels: int, pixels: int) -> None:
    """Blocks of `pixels` pixels and `channels` channels, as many as there are."""
    t, u = REGISTERS[:2]
    top, done = f"pixels{channels}{pixels}", f"no_pixels{channels}{pixels}"
    code.label(top)
    code.load(t, "pixel")
    code.addi(t, t, pixels)
    code.load(u, "pixels")
    code.blt(u, t, done)
    code.store(t, "pixel")
    sums = _block(code, channels, pixels)
    _store(code, rounding, sums, pixels)
    code.j(top)
    code.label(done)


def _block(code: Function, channels: int, pixels: int) -> list[int]:
    """The sums of a block, channel by channel, in the registers that it returns. `window` moves on."""
    free = list(REGISTERS)
    weight, end, x, product, t = free[0], free[1], free[2], free[3], free[4]
    others = [weight, *free[4 : 3 + channels]]  # a pointer for each channel
    values = free[3 + channels : 3 + 2 * channels]
    sums = free[3 + 2 * channels : 3 + 2 * channels + channels * pixels]
    window = free[3 + 2 * channels + channels * pixels]
    del t
    name = f"{channels}{pixels}"
    entry = product
    code.load(entry, "entry")
    for q in range(channels):
        first = sums[q * pixels]
        code.lw(first, 12 * q + 8, entry)
        for p in range(1, pixels):
            code.mv(sums[q * pixels + p], first)
    code.load(weight, "weights")
    code.load(x, "taps")
    for q in range(1, channels):
        code.add(others[q], others[q - 1], x)
    code.load(window, "window")

    def turn(taps: int) -> None:
        for tap in range(taps):
            for q in range(channels):
                code.lb(values[q], tap, others[q])
            for p in range(pixels):
                code.lbu(x, tap * pixels + p, window)
                for q in range(channels):
                    code.mul(product, x, values[q])
                    code.add(sums[q * pixels + p], sums[q * pixels + p], product)
        for pointer in others:
            code.addi(pointer, pointer, taps)
        code.addi(window, window, taps * pixels)
        code.bne(weight, end, f"taps{taps}.{name}")

    for taps in (_UNROLLED, 1) if channels == pixels == 4 else (1,):
        rest = f"rest{taps}.{name}"
        code.load(x, "taps")
        if taps > 1:
            code.andi(end, x, -taps)
        elif channels == pixels == 4:
            code.andi(end, x, _UNROLLED - 1)
        else:
            code.mv(end, x)
        code.beqz(end, rest)
        code.add(end, end, weight)
        code.label(f"taps{taps}.{name}")
        turn(taps)
        code.label(rest)
    code.store(window, "window")
    return sums


def _store(code: Function, rounding: Rounding, sums: list[int], pixels: int) -> None:
    """Rounds and stores the sums of a block. `out` moves on."""
    entry, out, step, *rest = [register for register in REGISTERS if register not in sums]
    requantize = Requantize(code, rounding, tuple(rest))
    requantize.bounds()
    code.load(entry, "entry")
    code.load(step, "out_c")
    for q in range(len(sums) // pixels):
        requantize.channel(entry, 12 * q)
        code.load(out, "out")
        for p in range(pixels):
            requantize.store(sums[q * pixels + p], q, out)
            code.add(out, out, step)
    code.store(out, "out")
