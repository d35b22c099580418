# SPDX-License-Identifier: MIT
"""DEPTHWISE_CONV_2D on x86-64, tap by tap: little code rather than the last bit of speed.

Scratch: the table, then the weights as the model has them.
"""

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
    RCX,
    RDI,
    RDX,
    RSI,
    Memory,
)
from galago.native.kernels.x64.function import Function
from galago.tflite.records import Record


def supports(record: Record) -> bool:
    """Whether the function computes this layer."""
    return record.depth_multiplier == 1


def scratch(record: Record) -> tuple[int, int]:
    """Bytes of scratch row by row, and where the layer runs whole."""
    size = (12 + record.k_h * record.k_w) * record.out_c
    return size, size


def build() -> bytes:
    """The function for all layers."""
    code = Function("packed", "top", "left", "column", "out", "zero")
    code.enter()
    code.scratch(RDI)
    code.word(RCX, "out_c")
    code.movi(RAX, 12)
    code.imul(RAX, RCX)
    code.add(RDI, RAX)
    code.mov(code.local("packed"), RDI)
    code.word(RAX, "weight_offset")
    code.subi(RAX, 128)
    code.mov(code.local("zero"), RAX)
    code.mov(RAX, code.local("first"))
    code.cmpi(RAX, 0)
    code.jne("row")
    _keep_weights(code)
    code.label("row")
    y = R8
    code.mov(y, code.local("first"))
    code.row(RDI, y, "output")
    code.mov(code.local("out"), RDI)
    code.word(RAX, "s_h")
    code.imul(y, RAX)
    code.word(RAX, "p_t")
    code.sub(y, RAX)
    code.mov(code.local("top"), y)
    code.movi(RAX, 0)
    code.word(RDX, "p_l")
    code.sub(RAX, RDX)
    code.mov(code.local("left"), RAX)
    code.word(RAX, "out_w")
    code.mov(code.local("column"), RAX)
    code.label("column")
    _pixel(code)
    code.word(RAX, "s_w")
    code.add(RAX, code.local("left"))
    code.mov(code.local("left"), RAX)
    code.mov(RAX, code.local("column"))
    code.subi(RAX, 1)
    code.mov(code.local("column"), RAX)
    code.jne("column")
    code.mov(RAX, code.local("first"))
    code.addi(RAX, 1)
    code.mov(code.local("first"), RAX)
    code.cmp(RAX, code.local("last"))
    code.jl("row")
    code.leave()
    return code.finish()


def _keep_weights(code: Function) -> None:
    """Copies the weights: they are lent for the first rows only."""
    source, target, count = RSI, RDI, RCX
    code.mov(source, code.local("weights"))
    for name in ("k_h", "k_w"):
        code.word(RAX, name)
        code.imul(count, RAX)
    code.label("keep")
    code.movzx8(RAX, Memory(source))
    code.mov8(Memory(target), RAX)
    code.addi(source, 1)
    code.addi(target, 1)
    code.subi(count, 1)
    code.jne("keep")


def _pixel(code: Function) -> None:
    """All channels of one output pixel. `out` moves on."""
    total, weight, y, x, bottom, right, depth, zero, entry, channel = (
        R15, RSI, R8, R9, R10, R11, R12, R13, R14, RBP,
    )  # fmt: skip
    source, line = RDI, RCX
    code.word(depth, "in_c")
    code.word(zero, "in_zero")
    code.scratch(entry)
    code.movi(channel, 0)
    code.label("channel")
    code.mov(weight, code.local("packed"))
    code.add(weight, channel)
    code.xor(total, total)
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
    code.add(line, channel)
    code.label("line")
    code.mov(x, code.local("left"))
    code.word(right, "k_w")
    code.add(right, x)
    code.label("x")
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
    code.movsx8(RAX, Memory(source))
    code.sub(RAX, zero)
    code.movsx8(RDX, Memory(weight))
    code.sub(RDX, code.local("zero"))
    code.imul(RAX, RDX)
    code.add(total, RAX)
    code.label("outside")
    code.add(weight, depth)
    code.addi(x, 1)
    code.cmp(x, right)
    code.jl("x")
    code.addi(y, 1)
    code.cmp(y, bottom)
    code.jl("y")
    code.mov(RAX, total)
    code.mov(source, code.local("out"))
    code.requantize(entry, source)
    code.addi(source, 1)
    code.mov(code.local("out"), source)
    code.addi(entry, 12)
    code.addi(channel, 1)
    code.cmp(channel, depth)
    code.jl("channel")
