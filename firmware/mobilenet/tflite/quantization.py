# SPDX-License-Identifier: MIT
"""TensorFlow Lite Micro's quantization arithmetic in integers: a board with single floats gets the same bits.

Scales are the bits of their float32; `fill` makes fixed-point multipliers of them. To requantize, TFLM rounds
twice: the product of accumulator and multiplier, half up (`high`), then the shift, ties away from zero. Most
kernels have that in their loops, where a call would cost more than all of it.

Convolutions decide most outputs by a short product of their own: the accumulator's upper bits a' (15 and a
sign) times the multiplier's upper bits m' (rounded), in units of 2**-21 of an output step. Dropping the
lower bits moves the product by -2**14 to 2**14 + 2**15, and TFLM's first rounding by 2**14 more either way:
an output whose product keeps that far from a tie is decided, and about one in twenty is not.

Where an int has 64 bits, loads through ptr32 are zero-extended: shifting by `wide` there and back signs them.
"""


@micropython.viper
def fill(rest: int, part: int, table: ptr32, scales: ptr8, step: int, count: int, a: int, d: int):
    """Writes multiplier and shift into `count` table entries of three words, for factors a * scales[i] / d.

    The factor is what TFLM computes in double and hands to QuantizeMultiplier: multiplier / 2**31 *
    2**shift, the multiplier rounded from the double, half up. `scales` are float32 in any alignment, `step`
    bytes apart (0: one for all); `rest` and `part` are locals, first to be kept in registers: pass 0; a and
    d are the bits of float32. All are positive and normal.
    """
    exponent = (a >> 23) - (d >> 23) - 125
    d = (d & 0x7FFFFF) | 0x800000
    a = (a & 0x7FFFFF) | 0x800000
    inverse = (1 << 29) // ((d >> 8) + 1) << 1  # 2**38 / d, never too great; 1 << 30 is no small int
    while count:
        e = exponent + ((scales[3] << 1) | (scales[2] >> 7))
        b = scales[0] | (scales[1] << 8) | ((scales[2] | 0x80) << 16)
        # a * b as two digits of 24 bits, shifted until its quotient by d starts with a 1.
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
        while n:  # 30 more bits, six at a time, estimated from below
            part = ((rest >> 8) * inverse) >> 24
            rest = (rest << 6) + ((low >> 18) & 63) - part * d
            low <<= 6
            while rest >= d:
                rest -= d
                part += 1
            quotient = (quotient << 6) + part
            n -= 1
        # A double keeps 22 bits below the unit: what is closer than that to a half has become a half.
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
    """(a * b + 2**30) >> 31 of two 32-bit numbers, b not negative, from products that fit 32 bits."""
    ah = a >> 16
    al = a & 0xFFFF
    bh = b >> 16
    bl = b & 0xFFFF
    middle = al * bh + int(uint(al * bl) >> 16)
    cross = ah * bl + (middle & 0xFFFF)
    return ((ah * bh + (middle >> 16) + (cross >> 16)) << 1) + (((cross & 0xFFFF) + 0x4000) >> 15)
