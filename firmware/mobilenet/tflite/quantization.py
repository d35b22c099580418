# SPDX-License-Identifier: MIT
"""TensorFlow Lite Micro's quantization arithmetic in integers: a board with single floats gets the same bits.

Scales are the bits of their float32. `fill` makes the fixed-point multipliers, `requantize` applies them.

Convolutions decide most outputs by a short product of their own: the accumulator's upper bits a' (15 and a
sign) times the multiplier's upper bits m' (rounded), in units of 2**-21 of an output step. Dropping the
lower bits moves the product by -2**14 to 2**14 + 2**15, and TFLM's first rounding by 2**14 more either way:
an output whose product keeps that far from a tie is decided, about one in twenty is not and goes through
`requantize`.
"""

import sys

from micropython import const

WIDE = (
    32 if sys.maxsize >> 32 else 0
)  # bits that an int has beyond 32; loads through ptr32 are zero-extended there

# Words of a layer's record (loading/graph.py).
_OUT_ZERO = const(19)
_MIN = const(20)
_MAX = const(21)


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
        while n:  # 30 more bits, six at a time
            rest = (rest << 6) + ((low >> 18) & 63)
            low <<= 6
            quotient <<= 6
            part = d << 5
            if rest >= part:
                rest -= part
                quotient += 32
            part >>= 1
            if rest >= part:
                rest -= part
                quotient += 16
            part >>= 1
            if rest >= part:
                rest -= part
                quotient += 8
            part >>= 1
            if rest >= part:
                rest -= part
                quotient += 4
            part >>= 1
            if rest >= part:
                rest -= part
                quotient += 2
            part >>= 1
            if rest >= part:
                rest -= part
                quotient += 1
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
def copy_biases(table: ptr32, biases: ptr8, count: int):
    """Writes the biases, in any alignment, as the third word of the table's entries; 0 if there are none."""
    while count:
        table[2] = 0
        if int(biases):
            table[2] = biases[0] | (biases[1] << 8) | (biases[2] << 16) | (biases[3] << 24)
            biases = ptr8(int(biases) + 4)
        table = ptr32(int(table) + 12)
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


@micropython.viper
def requantize(pair: ptr32, entry: ptr32, record: ptr32, end: int, base: int):
    """Writes int8 for pairs (accumulator, place of its byte above `base`), up to the address `end`.

    TFLM rounds twice: the product with the multiplier, half up, then the shift, ties away from zero.
    """
    wide = int(WIDE)
    left = (entry[1] << wide) >> wide
    right = 0 - left
    if left < 0:
        left = 0
    left += wide
    bh = entry[0] >> 16
    bl = entry[0] & 0xFFFF
    zero = ((record[_OUT_ZERO] & 0xFF) ^ 0x80) - 0x80
    lowest = ((record[_MIN] & 0xFF) ^ 0x80) - 0x80
    highest = ((record[_MAX] & 0xFF) ^ 0x80) - 0x80
    while int(pair) != end:
        a = (pair[0] << left) >> wide
        al = a & 0xFFFF
        a >>= 16
        middle = al * bh + int(uint(al * bl) >> 16)
        cross = a * bl + (middle & 0xFFFF)
        v = ((a * bh + (middle >> 16) + (cross >> 16)) << 1) + (((cross & 0xFFFF) + 0x4000) >> 15)
        if right > 0:
            v = (((v + (v >> 31)) >> (right - 1)) + 1) >> 1
        v += zero
        if v < lowest:
            v = lowest
        if v > highest:
            v = highest
        ptr8(base)[pair[1]] = v
        pair = ptr32(int(pair) + 8)


@micropython.viper
def rescale(table: ptr32, zero: int, pair: ptr32):
    """Fills a table, by the byte of an int8 x, with (x - zero) << 20 times multiplier and shift of `pair`."""
    zero = ((zero & 0xFF) ^ 0x80) - 0x80
    right = 0 - pair[1] & 0x3F  # at most 31; where an int has 64 bits, the load is zero-extended
    byte = 0
    while byte < 256:
        v = int(high((((byte ^ 0x80) - 128 - zero) << 20), pair[0]))
        if right:
            v = (((v + (v >> 31)) >> (right - 1)) + 1) >> 1
        table[byte] = v
        byte += 1
