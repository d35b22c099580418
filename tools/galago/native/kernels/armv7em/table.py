# SPDX-License-Identifier: MIT
"""Fills the table of a layer: M and half of F of each output channel from the float32 scales, and the biases.

It does what `fill` of firmware/mobilenet/tflite/quantization.py does, in the form that frame.py needs: the
multiplier of factor a * b / d is its quotient of 31 significant bits, rounded as a double and then half up.
"""

from galago.native.assemblers.thumb import HS, LE, LR, R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10, R11, R12
from galago.native.assemblers.thumb2 import Thumb2
from galago.native.kernels import ARENA, RECORD, WEIGHTS
from galago.native.kernels.armv7em.frame import BIAS, ENTRY, HALF_F, M, block, enter, field, leave

_SIGNIFICAND, _ONE = 23, 1 << 23  # bits of a float32 below its exponent, and the leading 1 that is not stored


def scales() -> bytes:
    """The function `scales`."""
    code = Thumb2()
    rest, low, quotient, digit, exponent = R0, R1, R2, R3, R4
    a, d, exponents, tie, one = R8, R9, R10, R11, R12
    entry, source, step, count = R5, R6, R7, LR
    enter(code, 0)
    block(code, R1, RECORD)
    block(code, entry, ARENA)
    block(code, source, WEIGHTS)
    field(code, R2, R1, "scratch")
    code.add(entry, entry, R2)
    field(code, step, R1, "scale_step")
    field(code, R3, R1, "in_scale")
    field(code, R4, R1, "out_scale")
    field(code, R2, R1, "out_c")
    code.mov(count, R2)
    code.load(one, _ONE)
    # The exponent of a channel's factor: of a, minus that of d, minus 125, plus that of b.
    code.ubfx(R1, R3, _SIGNIFICAND, 8)
    code.ubfx(R2, R4, _SIGNIFICAND, 8)
    code.sub(R1, R1, R2)
    code.addw(exponents, R1, -125)
    code.ubfx(a, R3, 0, _SIGNIFICAND)
    code.orr(a, a, one)
    code.lsl(a, a, 8)  # so that a product's upper word begins at bit 24
    code.ubfx(d, R4, 0, _SIGNIFICAND)
    code.orr(d, d, one)
    code.lsrs(R2, R4, 23)
    code.mov(R2, d)
    code.lsrs(R2, R2, 22)
    code.mov(tie, R2)  # the closest to a half that a double tells from it

    code.label("channel")
    code.ldr(R0, source)
    code.add(source, source, step)
    code.ubfx(exponent, R0, _SIGNIFICAND, 8)
    code.add(exponent, exponent, exponents)
    code.ubfx(R0, R0, 0, _SIGNIFICAND)
    code.orr(R0, R0, one)
    code.umull(low, rest, a, R0)
    code.label("normalize")
    code.cmp_reg(rest, d)
    code.b_if(HS, "normal")
    code.adds_reg(low, low, low)
    code.alu("adcs", rest, rest)
    code.subs(exponent, exponent, 1)
    code.b("normalize")
    code.label("normal")
    code.sub(rest, rest, d)
    code.movs(quotient, 1)
    for at, bits in ((24, 8), (16, 8), (8, 8), (None, 6)):
        if at is None:
            code.lsl(rest, rest, bits)
        else:
            code.ubfx(digit, low, at, bits)
            code.add(rest, digit, rest, lsl=bits)
        code.udiv(digit, rest, d)
        code.mls(rest, digit, d, rest)
        code.orr(quotient, digit, quotient, lsl=bits)
    code.sub(digit, d, rest, lsl=1)
    code.cmp_reg(digit, tie)
    code.it(LE)
    code.adds(quotient, quotient, 1)
    code.lsrs(digit, quotient, 31)  # 1 if rounding gave 2**31
    code.add(exponent, exponent, digit)
    code.lsr_reg(quotient, quotient, digit)
    code.lsls(quotient, quotient, 1)
    code.str_(quotient, entry, M)
    code.adds(exponent, exponent, 31)
    code.load(digit, -1)
    code.lsl_reg(digit, digit, exponent)
    code.str_(digit, entry, HALF_F)
    code.adds(entry, entry, ENTRY)
    code.subs(count, count, 1)
    code.bne("channel")
    leave(code, 0)
    return code.finish()


def biases() -> bytes:
    """The function `biases`."""
    code = Thumb2()
    enter(code, 0)
    block(code, R1, RECORD)
    block(code, R2, ARENA)
    block(code, R3, WEIGHTS)
    field(code, R4, R1, "scratch")
    code.adds_reg(R2, R2, R4)
    field(code, R4, R1, "out_c")
    code.movs(R5, 0)
    code.label("channel")
    code.cbz(R3, "store")
    code.ldr(R5, R3, after=4)
    code.label("store")
    code.str_(R5, R2, BIAS)
    code.adds(R2, R2, ENTRY)
    code.subs(R4, R4, 1)
    code.bne("channel")
    leave(code, 0)
    return code.finish()
