# SPDX-License-Identifier: MIT
"""CONV_2D and FULLY_CONNECTED on x86-64: windows and weights as 16 bits in scratch, eight products at a time.

Scratch: the table; the windows of a tile, x less the zero point, each padded to a multiple of eight taps; the
weights of the channel at hand less theirs, padded alike.
"""

from galago.native.assemblers.sse2 import XMM0, XMM1, XMM2
from galago.native.assemblers.x64 import (
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
    RAX,
    RBP,
    RDI,
    RDX,
    RSI,
    Memory,
)
from galago.native.kernels.x64.function import Function
from galago.tflite.records import Record


def supports(record: Record) -> bool:
    """Whether the function computes this layer."""
    return True


def scratch(record: Record) -> tuple[int, int]:
    """Bytes of scratch row by row, and where the layer runs whole."""
    window, row = 2 * (record.window + 7 & -8), record.out_w
    return 12 * record.out_c + window * (row + 1), 12 * record.out_c + window * (row * record.tile + 1)


def build() -> bytes:
    """The function for all convolutions."""
    code = Function("taps", "padded", "pixels", "windows", "expanded", "row", "column", "left", "top")
    code.enter()
    _locals(code)
    code.mov(RAX, code.local("channel"))
    code.cmpi(RAX, 0)
    code.jne("gathered")
    _gather(code)
    code.label("gathered")
    code.label("channel")
    _expand(code)
    _pixels(code)
    code.mov(RAX, code.local("channel"))
    code.addi(RAX, 1)
    code.mov(code.local("channel"), RAX)
    code.cmp(RAX, code.local("stop"))
    code.jl("channel")
    code.leave()
    return code.finish()


def _locals(code: Function) -> None:
    """Fills the frame's words."""
    taps, padded, pixels, at = R8, R9, R10, R11
    code.word(taps, "k_h")
    for name in ("k_w", "in_c"):
        code.word(RAX, name)
        code.imul(taps, RAX)
    code.mov(code.local("taps"), taps)
    code.lea(padded, Memory(taps, 7))
    code.sar(padded, 3)
    code.shl(padded, 4)  # bytes
    code.mov(code.local("padded"), padded)
    code.mov(pixels, code.local("last"))
    code.sub(pixels, code.local("first"))
    code.word(RAX, "out_w")
    code.imul(pixels, RAX)
    code.mov(code.local("pixels"), pixels)
    code.scratch(at)
    code.word(RAX, "out_c")
    code.movi(RDX, 12)
    code.imul(RAX, RDX)
    code.add(at, RAX)
    code.mov(code.local("windows"), at)
    code.imul(pixels, padded)
    code.add(at, pixels)
    code.mov(code.local("expanded"), at)


def _gather(code: Function) -> None:
    """Writes the windows of the tile."""
    target, source, count, y, x, zero, depth = RDI, RSI, RBP, R8, R9, R10, R11
    bottom, right, value, line = R12, R13, R14, R15
    code.mov(target, code.local("windows"))
    code.word(zero, "in_zero")
    code.word(depth, "in_c")
    code.mov(RAX, code.local("first"))
    code.mov(code.local("row"), RAX)
    code.word(RDX, "s_h")
    code.imul(RAX, RDX)
    code.word(RDX, "p_t")
    code.sub(RAX, RDX)
    code.mov(code.local("top"), RAX)

    code.label("row")
    code.word(RAX, "out_w")
    code.mov(code.local("column"), RAX)
    code.movi(RAX, 0)
    code.word(RDX, "p_l")
    code.sub(RAX, RDX)
    code.mov(code.local("left"), RAX)
    code.label("column")
    code.mov(y, code.local("top"))
    code.word(bottom, "k_h")
    code.add(bottom, y)
    code.label("y")
    code.xor(line, line)  # 0: outside the picture
    code.cmpi(y, 0)
    code.jl("line")
    code.word(RAX, "in_h")
    code.cmp(y, RAX)
    code.jge("line")
    code.row(line, y, "input")
    code.label("line")
    code.mov(x, code.local("left"))
    code.word(right, "k_w")
    code.add(right, x)
    code.label("x")
    code.mov(count, depth)
    code.cmpi(line, 0)
    code.je("outside")
    code.cmpi(x, 0)
    code.jl("outside")
    code.word(RAX, "in_w")
    code.cmp(x, RAX)
    code.jge("outside")
    code.mov(source, x)
    code.imul(source, depth)
    code.add(source, line)
    code.label("inside")
    code.movsx8(value, Memory(source))
    code.sub(value, zero)
    code.mov16(Memory(target), value)
    code.addi(source, 1)
    code.addi(target, 2)
    code.subi(count, 1)
    code.jne("inside")
    code.jmp("next")
    code.label("outside")
    code.xor(value, value)
    code.mov16(Memory(target), value)
    code.addi(target, 2)
    code.subi(count, 1)
    code.jne("outside")
    code.label("next")
    code.addi(x, 1)
    code.cmp(x, right)
    code.jl("x")
    code.addi(y, 1)
    code.cmp(y, bottom)
    code.jl("y")
    _pad(code, target, count, value, "window")
    code.word(RAX, "s_w")
    code.add(RAX, code.local("left"))
    code.mov(code.local("left"), RAX)
    code.mov(RAX, code.local("column"))
    code.subi(RAX, 1)
    code.mov(code.local("column"), RAX)
    code.jne("column")
    code.word(RAX, "s_h")
    code.add(RAX, code.local("top"))
    code.mov(code.local("top"), RAX)
    code.mov(RAX, code.local("row"))
    code.addi(RAX, 1)
    code.mov(code.local("row"), RAX)
    code.cmp(RAX, code.local("last"))
    code.jl("row")


def _pad(code: Function, target: int, count: int, value: int, name: str) -> None:
    """Writes zeros behind the taps."""
    code.mov(count, code.local("padded"))
    code.sub(count, code.local("taps"))
    code.sub(count, code.local("taps"))
    code.je(f"padded_{name}")
    code.xor(value, value)
    code.label(f"pad_{name}")
    code.mov16(Memory(target), value)
    code.addi(target, 2)
    code.subi(count, 2)
    code.jne(f"pad_{name}")
    code.label(f"padded_{name}")


def _expand(code: Function) -> None:
    """Writes the weights of the channel at hand; `weights` moves on."""
    source, target, count, value, zero = RSI, RDI, RBP, R14, R15
    code.mov(source, code.local("weights"))
    code.mov(target, code.local("expanded"))
    code.mov(count, code.local("taps"))
    code.word(zero, "weight_offset")
    code.subi(zero, 128)
    code.label("weight")
    code.movsx8(value, Memory(source))
    code.sub(value, zero)
    code.mov16(Memory(target), value)
    code.addi(source, 1)
    code.addi(target, 2)
    code.subi(count, 1)
    code.jne("weight")
    code.mov(code.local("weights"), source)
    _pad(code, target, count, value, "weights")


def _pixels(code: Function) -> None:
    """Computes the channel at hand for all pixels of the tile."""
    window, weight, taps, entry, out, pixels, depth, y = RSI, RDI, RBP, R12, R13, R14, R15, R8
    code.scratch(entry)
    code.mov(RAX, code.local("channel"))
    code.movi(RDX, 12)
    code.imul(RDX, RAX)
    code.add(entry, RDX)
    code.mov(y, code.local("first"))
    code.row(out, y, "output")
    code.add(out, code.local("channel"))
    code.mov(window, code.local("windows"))
    code.mov(pixels, code.local("pixels"))
    code.word(depth, "out_c")
    code.label("pixel")
    code.mov(weight, code.local("expanded"))
    code.mov(taps, code.local("padded"))
    code.pxor(XMM0, XMM0)
    code.label("taps")
    code.movdqu(XMM1, Memory(window))
    code.movdqu(XMM2, Memory(weight))
    code.pmaddwd(XMM1, XMM2)
    code.paddd(XMM0, XMM1)
    code.addi(window, 16)
    code.addi(weight, 16)
    code.subi(taps, 16)
    code.jne("taps")
    for order in (0x4E, 0xB1):  # halves, then neighbours
        code.pshufd(XMM1, XMM0, order)
        code.paddd(XMM0, XMM1)
    code.movd(RAX, XMM0)
    code.movsxd(RAX, RAX)
    code.requantize(entry, out)
    code.add(out, depth)
    code.subi(pixels, 1)
    code.jne("pixel")
