# SPDX-License-Identifier: MIT
"""TensorFlow Lite Micro's quantization arithmetic in integers: boards with single floats get the same bits.

A scale is represented by the bits of its float32; `fill` converts scales to fixed-point multipliers. To
requantize, TFLM rounds twice: the product of accumulator and multiplier, half up (`high`), then the shift,
ties away from zero. Most kernels inline this in their loops, because a call would cost more than the work.

Convolutions decide most outputs with a shorter product: the accumulator's upper bits a' (15 and a sign) times
the multiplier's upper bits m' (rounded), in units of 2**-21 of an output step. Dropping lower bits changes
the product by -2**14 to 2**14 + 2**15, and TFLM's first rounding by up to 2**14 more in either direction: if
the product is farther than that from a tie, the output is decided. About one output in twenty is not.

Where an int has 64 bits, ptr32 zero-extends what it loads: shifting left and right by `wide` sign-extends it.
"""


@micropython.viper
def fill(rest: int, part: int, table: ptr32, scales: ptr8, step: int, count: int, a: int, d: int):
    """Writes multiplier and shift into `count` table entries of three words, for factors a * scales[i] / d.

    The factor is what TFLM computes in double and passes to QuantizeMultiplier: multiplier / 2**31 *
    2**shift, with the multiplier rounded half up. `scales` are float32 in any alignment, `step` bytes apart
    (0: one for all); `a` and `d` are the bits of float32. All are positive and normal. `rest` and `part` are
    locals, declared first so that viper keeps them in registers: pass 0.
    """
    exponent = (a >> 23) - (d >> 23) - 125
    d = (d & 0x7FFFFF) | 0x800000
    a = (a & 0x7FFFFF) | 0x800000
    inverse = (1 << 29) // ((d >> 8) + 1) << 1  # 2**38 / d, rounded down; 1 << 30 is not a small int
    while count:
        e = exponent + ((scales[3] << 1) | (scales[2] >> 7))
        b = scales[0] | (scales[1] << 8) | ((scales[2] | 0x80) << 16)
        # a * b as two digits of 24 bits, shifted left until its quotient by d starts with a 1.
        middle = (a >> 12) * (b & 0xFFF) + (a & 0xFFF) * (b >> 12)
        low = (a & 0xFFF) * (b & 0xFFF) + ((middle & 0xFFF) << 12)
        rest = (a >> 12) * (b >> 12) + (middle >> 12) + (low >> 24)
        low &= 0xFFFFFF
        while rest < d:
            low <<= 1
            rest = (rest << 1) + (low >> 24)
            low &= 0xFFFFFF
            e -= 1
        rest -= d
        quotient = 1
        n = 5
        while n:  # computes 30 more bits, six at a time, estimated from below
            part = ((rest >> 8) * inverse) >> 24
            rest = (rest << 6) + ((low >> 18) & 63) - part * d
            low <<= 6
            while rest >= d:
                rest -= d
                part += 1
            quotient = (quotient << 6) + part
            n -= 1
        # A double keeps 22 bits below the unit: a fraction closer than that to 1/2 has become 1/2.
        if d - (rest << 1) <= (d >> 22):
            quotient += 1
            if quotient >> 31:
                quotient = 1
                quotient <<= 30
                e += 1
        if e < -31:
            quotient = 0
            e = 0
        table[0] = quotient
        table[1] = e
        table = ptr32(int(table) + 12)
        scales = ptr8(int(scales) + step)
        count -= 1


@micropython.viper
def high(a: int, b: int) -> int:
    """Returns (a * b + 2**30) >> 31 of two 32-bit numbers, b >= 0, with intermediate results of 32 bits."""
    ah = a >> 16
    al = a & 0xFFFF
    bh = b >> 16
    bl = b & 0xFFFF
    middle = al * bh + int(uint(al * bl) >> 16)
    cross = ah * bl + (middle & 0xFFFF)
    return ((ah * bh + (middle >> 16) + (cross >> 16)) << 1) + (((cross & 0xFFFF) + 0x4000) >> 15)
