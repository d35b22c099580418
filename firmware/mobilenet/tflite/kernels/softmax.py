# SPDX-License-Identifier: MIT
"""SOFTMAX in gemmlowp's fixed-point arithmetic: exp of each difference to the maximum, divided by their sum.

A difference has 26 fractional bits, an exponential 31, the sum 19. The scratch holds the exponential of each
difference that occurs, and later its output; then the sum, and the largest input. Products are those of
`quantization.high`.
"""

from array import array

from micropython import const

# Words of a layer's record (record.toml).
_INPUT = const(0)
_OUTPUT = const(2)
_SCRATCH = const(4)
_IN_W = const(7)
_IN_C = const(8)
_MULTIPLIER = const(28)
_SHIFT = const(29)

_AFTER = const(1024)  # bytes of the exponentials

# exp(-1/8) and 1/3 of the polynomial, 48/17 and 32/17 of the reciprocal's first estimate, then exp(-1/4),
# exp(-1/2), exp(-1) … exp(-16). In an array because most exceed a small int of 31 bits.
_NUMBERS = array(
    "I",
    [
        1895147668, 715827883, 1515870810, 1010580540,
        1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242,
    ],
)  # fmt: skip


def run(net, at, first, last):
    """Computes the output of the layer whose record starts at net.plan[at]."""
    _rows(net.plan, at, net.arena, _NUMBERS)


@micropython.viper
def _rows(plan, at: int, arena, table):
    p = ptr32(int(ptr32(plan)) + (at << 2))
    base = int(ptr8(arena))
    numbers = int(ptr32(table))
    row = 0
    while row < p[_IN_W]:
        _exponentials(0, 0, p, base, row, numbers)
        _quotients(0, 0, p, base, row, numbers)
        row += 1


@micropython.viper
def _exponentials(a: int, b: int, p: ptr32, base: int, row: int, numbers: ptr32):
    """Writes the exponentials of the differences that occur in a row, and 0 for the others, and their sum."""
    scratch = ptr32(base + p[_SCRATCH])
    x = ptr8(base + p[_INPUT] + row * p[_IN_C])
    end = int(x) + p[_IN_C]
    i = 0
    while i < 256:
        scratch[i] = 0
        i += 1
    largest = 0  # with the top bit inverted, bytes compare like int8
    while int(x) != end:
        if (x[0] ^ 0x80) > largest:
            largest = x[0] ^ 0x80
        x = ptr8(int(x) + 1)
    cutoff = (31 << 25) >> (p[_SHIFT] - 1)  # from here on differences do not count
    total = 0
    x = ptr8(int(x) - p[_IN_C])
    while int(x) != end:
        i = largest - (x[0] ^ 0x80)
        x = ptr8(int(x) + 1)
        if i > cutoff:
            continue
        if not scratch[i]:
            # exp(a) for a < 0: multiples of 1/4 from the table, the remainder y by a polynomial.
            a = 0 - (i << p[_SHIFT])
            b = p[_MULTIPLIER]
            y = 0
            rest = 0
            square = 0
            cube = 0
            n = 0
            while n < 13:
                middle = (a & 0xFFFF) * (b >> 16) + int(uint((a & 0xFFFF) * (b & 0xFFFF)) >> 16)
                cross = (a >> 16) * (b & 0xFFFF) + (middle & 0xFFFF)
                a = (((a >> 16) * (b >> 16) + (middle >> 16) + (cross >> 16)) << 1) + (
                    ((cross & 0xFFFF) + 0x4000) >> 15
                )
                if n == 0:
                    if not a:  # exp(0): the largest number of 31 bits
                        a = 1
                        a = (a << 30) - 1 + (a << 30)
                        n = 13
                    else:
                        y = (a & 0xFFFFFF) - 0x1000000
                        rest = y - a
                        y = (y << 5) + 0x10000000
                        a = y
                        b = y
                elif n == 1:
                    square = a
                    b = y
                elif n == 2:
                    cube = a
                    a = square
                    b = square
                elif n == 3:
                    a = (((a >> 1) + 1) >> 1) + cube
                    b = numbers[1]
                elif n == 4:
                    a += square
                    if a < 0:
                        a -= 1
                    b = y + ((a + 1) >> 1)
                    a = numbers[0]
                else:
                    if n == 5:
                        a += numbers[0]
                    while n < 12 and not (rest >> (n + 19)) & 1:
                        n += 1
                    if n < 12:
                        b = numbers[n - 1]
                n += 1
            scratch[i] = a
        total += ((scratch[i] >> 11) + 1) >> 1
    after = ptr32(int(scratch) + _AFTER)  # viper for Xtensa fails with a constant index of 256
    after[0] = total
    after[1] = largest


@micropython.viper
def _quotients(a: int, b: int, p: ptr32, base: int, row: int, numbers: ptr32):
    """Divides the exponentials by their sum, and writes the output of a row."""
    scratch = ptr32(base + p[_SCRATCH])
    after = ptr32(int(scratch) + _AFTER)
    total = after[0]
    headroom = 1
    while not total >> (31 - headroom):
        headroom += 1
    one = 1
    half = ((total - (one << (31 - headroom))) << headroom >> 1) + (one << 30)
    # 1 / half by three Newton steps with 29 fractional bits; then the product with each exponential.
    a = 0 - numbers[3]
    b = half
    y = 0
    shift = 34 - headroom
    i = 0
    n = 0
    while i < 256:
        middle = (a & 0xFFFF) * (b >> 16) + int(uint((a & 0xFFFF) * (b & 0xFFFF)) >> 16)
        cross = (a >> 16) * (b & 0xFFFF) + (middle & 0xFFFF)
        a = (((a >> 16) * (b >> 16) + (middle >> 16) + (cross >> 16)) << 1) + (
            ((cross & 0xFFFF) + 0x4000) >> 15
        )
        if n > 6:
            if shift > 30:
                a = 0
            a = ((a >> shift) + 1) >> 1
            if a > 255:
                a = 255
            scratch[i] = a
            i += 1
            a = y
        elif n & 1:
            b = 0x20000000 - a
            a = y
        else:
            y += a << 2
            if n == 0:
                y = numbers[2] + a
            a = half
            b = y
            if n == 6:
                if y >> 30:  # 1 / half is 1: saturates
                    y = (one << 30) - 1
                    y += one << 30
                else:
                    y <<= 1
                a = y
        n += 1
        if n > 6:
            while i < 256 and not scratch[i]:
                i += 1
            b = scratch[i]
    x = ptr8(base + p[_INPUT] + row * p[_IN_C])
    out = ptr8(base + p[_OUTPUT] + row * p[_IN_C])
    end = int(x) + p[_IN_C]
    largest = after[1]
    while int(x) != end:
        out[0] = scratch[largest - (x[0] ^ 0x80)] ^ 0x80
        x = ptr8(int(x) + 1)
        out = ptr8(int(out) + 1)
