# SPDX-License-Identifier: MIT
"""Fills the engine's tables: multipliers and shifts from float32 scales, and the biases.

`scales` does what `fill` of firmware/mobilenet/tflite/quantization.py does: a factor is the product of two
24-bit mantissas divided by a third, rounded to 31 bits from the double that TensorFlow Lite Micro computes.
"""

from galago.native.kernels.scalar.function import Function

FRAME = ("entry", "step", "left", "upper", "lower", "divisor", "exponent")
"""Words of the functions' frames."""


def scales(code: Function) -> bytes:
    """The function that writes multiplier and shift of every channel into the table."""
    scale, low, rest, quotient, t, u, e, divisor = code.general
    code.enter()
    _entry(code)
    _constants(code)
    code.load(scale, "weights")
    code.label("scale")
    _product(code)
    code.load(divisor, "divisor")
    # Shifts until the quotient begins with a 1.
    code.label("shift")
    code.branch_if(rest, ">=", divisor, "shifted", near=True)
    code.plus(low, low, low)
    code.right(t, low, 24)
    code.low_bits(low, low, 24)
    code.plus(rest, rest, rest)
    code.plus(rest, rest, t)
    code.increase(e, -1)
    code.jump("shift")
    code.label("shifted")
    code.minus(rest, rest, divisor)
    code.constant(quotient, 1)
    for bits in (8, 8, 8, 6):  # 30 more; `low` holds 24, and zeros follow
        code.left(rest, rest, bits)
        if bits == 8:
            code.right(t, low, 16)
            code.plus(rest, rest, t)
            code.left(low, low, 8)
            code.low_bits(low, low, 24)
        code.copy(t, rest)
        code.divide(t, divisor)
        code.left(quotient, quotient, bits)
        code.plus(quotient, quotient, t)
        code.times(t, divisor)
        code.minus(rest, rest, t)
    # A double keeps 22 bits below the unit: anything closer than that to a half counts as a half.
    code.plus(rest, rest, rest)
    code.minus(rest, divisor, rest)
    code.right(t, divisor, 22)
    code.branch_if(t, "<", rest, "rounded", near=True)
    code.increase(quotient, 1)
    code.branch_if(quotient, ">=", None, "rounded", near=True)
    code.constant(quotient, 1)
    code.left(quotient, quotient, 30)
    code.increase(e, 1)
    code.label("rounded")
    code.copy(t, e)
    code.increase(t, 31)
    code.branch_if(t, ">=", None, "kept", near=True)
    code.constant(quotient, 0)
    code.constant(e, 0)
    code.label("kept")
    code.load(t, "entry")
    code.store32(quotient, t, 0)
    code.store32(e, t, 4)
    code.increase(t, 12)
    code.store(t, "entry")
    code.load(t, "step")
    code.plus(scale, scale, t)
    code.advance("left", -1, u)
    code.branch_if(u, "!=", None, "scale")
    code.leave()
    return code.finish()


def biases(code: Function) -> bytes:
    """The function that writes the bias of every channel into the table: 0 if there is none."""
    entry, bias, t = code.general[:3]
    code.enter()
    _entry(code)
    code.load(entry, "entry")
    code.load(bias, "weights")
    code.label("bias")
    code.constant(t, 0)
    code.store32(t, entry, 8)
    code.branch_if(bias, "==", None, "copied", near=True)
    for byte in range(4):
        code.load8(t, bias, byte)
        code.store8(t, entry, 8 + byte)
    code.increase(bias, 4)
    code.label("copied")
    code.increase(entry, 12)
    code.advance("left", -1, t)
    code.branch_if(t, "!=", None, "bias")
    code.leave()
    return code.finish()


def _entry(code: Function) -> None:
    """Stores the address of the table's first entry, and the number of channels."""
    t, u = code.general[:2]
    code.load(u, "record")
    code.word(t, "scratch", u)
    code.load(u, "arena")
    code.plus(t, t, u)
    code.store(t, "entry")
    code.move("left", "stop", t)


def _constants(code: Function) -> None:
    """Computes what all channels share from the scales of input and output."""
    record, t, u, e, hidden = code.general[:5]
    code.load(record, "record")
    code.word(t, "scale_step", record)
    code.store(t, "step")
    code.constant(hidden, 1)
    code.left(hidden, hidden, 23)
    code.word(t, "in_scale", record)
    code.right(e, t, 23)
    code.low_bits(t, t, 23)
    code.plus(t, t, hidden)
    code.right(u, t, 12)
    code.store(u, "upper")
    code.low_bits(t, t, 12)
    code.store(t, "lower")
    code.word(t, "out_scale", record)
    code.right(u, t, 23)
    code.minus(e, e, u)
    code.increase(e, -125)
    code.store(e, "exponent")
    code.low_bits(t, t, 23)
    code.plus(t, t, hidden)
    code.store(t, "divisor")


def _product(code: Function) -> None:
    """Multiplies the mantissas, into 24 bits of `rest` and 24 of `low`, and adds the exponents, into `e`."""
    scale, low, rest, quotient, t, u, e, middle = code.general
    code.load8(e, scale, 3)
    code.plus(e, e, e)
    code.load8(t, scale, 2)
    code.right(u, t, 7)
    code.plus(e, e, u)
    code.load(u, "exponent")
    code.plus(e, e, u)
    code.low_bits(t, t, 7)
    code.increase(t, 64)
    code.increase(t, 64)
    for byte in (1, 0):
        code.left(t, t, 8)
        code.load8(u, scale, byte)
        code.plus(t, t, u)
    upper = quotient
    code.right(upper, t, 12)
    code.low_bits(t, t, 12)
    code.load(middle, "upper")
    code.load(u, "lower")
    code.copy(rest, middle)
    code.times(rest, upper)
    code.times(middle, t)
    code.times(upper, u)
    code.plus(middle, middle, upper)
    code.times(t, u)
    code.low_bits(u, middle, 12)
    code.left(u, u, 12)
    code.plus(low, t, u)
    code.right(middle, middle, 12)
    code.plus(rest, rest, middle)
    code.right(t, low, 24)
    code.plus(rest, rest, t)
    code.low_bits(low, low, 24)
