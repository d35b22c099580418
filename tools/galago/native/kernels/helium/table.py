# SPDX-License-Identifier: MIT
"""Fills the table of a layer: multiplier and shift of each channel from the float32 scales, and biases.

It does what `fill` of firmware/mobilenet/tflite/quantization.py does, as TFLM does it, in doubles: of the
factor a * b / d, whose exponent is e, the multiplier is the significand times 2**31, rounded half up. One
that gives 2**31 becomes 2**30 with the next exponent. Below 2**-32 both are 0.
"""

from galago.native.assemblers.helium import Helium
from galago.native.assemblers.thumb import LT, R0, R1, R2, R3, R4, R5, R6, R7
from galago.native.kernels import ARENA, RECORD, WEIGHTS
from galago.native.kernels.helium.frame import BIAS, ENTRY, block, enter, field, leave

_IN, _OUT, _FACTOR = 1, 2, 0  # double registers
_SINGLE = 0  # the single one that is half of _FACTOR
_EXPONENT_BIAS = 1022  # of a significand from 0.5 on
_LEAST = -31  # shift


def scales() -> bytes:
    """The function `scales`."""
    code = Helium()
    lower, upper, exponent, negligible = R0, R1, R2, R3
    entry, source, step, left = R4, R5, R6, R7
    enter(code, 0)
    block(code, R1, RECORD)
    block(code, entry, ARENA)
    block(code, source, WEIGHTS)
    field(code, R2, R1, "scratch")
    code.adds_reg(entry, entry, R2)
    field(code, step, R1, "scale_step")
    field(code, left, R1, "out_c")
    for name, double in (("in_scale", _IN), ("out_scale", _OUT)):
        field(code, R0, R1, name)
        code.vmov_single(_SINGLE, R0)
        code.vcvt(double, _SINGLE)
    code.movs(negligible, 0)
    code.dls(left)
    code.label("channel")
    code.ldr(R0, source)  # at any address, unlike vldr
    code.vmov_single(_SINGLE, R0)
    code.add(source, source, step)
    code.vcvt(_FACTOR, _SINGLE)
    code.vmul(_FACTOR, _FACTOR, _IN)
    code.vdiv(_FACTOR, _FACTOR, _OUT)
    code.vmov_double(lower, upper, _FACTOR)
    code.ubfx(exponent, upper, 20, 11)
    code.addw(exponent, exponent, -_EXPONENT_BIAS)
    # The significand's upper 32 bits, then 31 of them: what the shift leaves in the carry rounds.
    code.lsls(upper, upper, 11)
    code.number("orr", upper, upper, 1 << 31)
    code.combine("orr", upper, upper, lower, "lsr", 21)
    code.lsrs(upper, upper, 1)
    code.alu("adcs", upper, negligible)
    code.lsrs(lower, upper, 31)
    code.add(exponent, exponent, lower)
    code.lsr_reg(upper, upper, lower)
    code.cmp(exponent, _LEAST)
    code.it(LT, True)
    code.mov(upper, negligible)
    code.mov(exponent, negligible)
    code.strd(upper, exponent, entry)
    code.adds(entry, entry, ENTRY)
    code.le("channel")
    leave(code, 0)
    return code.finish()


def biases() -> bytes:
    """The function `biases`."""
    code = Helium()
    enter(code, 0)
    block(code, R1, RECORD)
    block(code, R2, ARENA)
    block(code, R3, WEIGHTS)
    field(code, R4, R1, "scratch")
    code.adds_reg(R2, R2, R4)
    field(code, R4, R1, "out_c")
    code.movs(R5, 0)
    code.dls(R4)
    code.label("channel")
    code.cbz(R3, "store")
    code.ldr(R5, R3, after=4)
    code.label("store")
    code.str_(R5, R2, BIAS)
    code.adds(R2, R2, ENTRY)
    code.le("channel")
    leave(code, 0)
    return code.finish()
