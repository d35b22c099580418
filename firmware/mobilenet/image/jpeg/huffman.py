# SPDX-License-Identifier: MIT
"""Decodes one block of Huffman-coded coefficients (ITU-T T.81, annexes C and F.2).

A table is a bytearray of 16-bit numbers:
    [0:256]    by the next 8 bits: code length << 8 | symbol; or, where they hold code and coefficient,
               zeros before it + 1 << 12 | bits of both << 8 | coefficient & 255; 0 for a longer code
    [256:273]  by code length: the smallest value of the next 16 bits that is too large for this length
    [273:290]  by code length: offset from a code to the index of its symbol, modulo 65536
    [290:]     the symbols
The reader's state is an array('i'): bits, their number, position in the buffer, end of the buffer, number of
bits made up after the end of the data, the last DC value of each component, and the words of the block that
are not 0; mcus.py adds more.
"""

import micropython
from micropython import const

from .. import compiled
from ..area import fill_zero

BITS = const(0)
COUNT = const(1)
POSITION = const(2)
END = const(3)
MADE_UP = const(4)
LAST_DC = const(5)
WORDS = const(8)

LARGEST_TABLE = const(1092)  # bytes
MOST_BYTES = const(512)  # of one block: 64 times 16 + 15 bits, with every byte stuffed

BAD_CODE = const(-1)
TOO_MANY = const(-2)
ENDED = const(-3)

_LIMITS = const(256)
_OFFSETS = const(273)
_SYMBOLS = const(290)

_ZIGZAG = (
    b"\x00\x01\x08\x10\x09\x02\x03\x0a\x11\x18\x20\x19\x12\x0b\x04\x05\x0c\x13\x1a\x21\x28\x30\x29\x22\x1b\x14\x0d\x06"
    b"\x07\x0e\x15\x1c\x23\x2a\x31\x38\x39\x32\x2b\x24\x1d\x16\x0f\x17\x1e\x25\x2c\x33\x3a\x3b\x34\x2d\x26\x1f\x27\x2e"
    b"\x35\x3c\x3d\x36\x2f\x37\x3e\x3f"
)
# By the index of the last coefficient: how many columns, and how many rows, may have any.
COLUMNS = (
    b"\x01\x02\x02\x03\x03\x03\x04\x04\x04\x04\x05\x05\x05\x05\x05\x06\x06\x06\x06\x06\x06\x07\x07\x07\x07\x07\x07\x07"
    b"\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08"
    b"\x08\x08\x08\x08\x08\x08\x08\x08"
)


def build_table(counts, symbols, ac, table):
    """Writes the table for `counts[n]` codes of n + 1 bits and their symbols into LARGEST_TABLE bytes.

    `ac` is 1 for AC and 0 for DC coefficients. Returns how many symbols there are; 0 if codes are invalid.
    """
    if len(counts) != 16:
        return 0
    fill_zero(table, 2 * _LIMITS)
    return fill_table(table, counts, symbols, min(len(symbols), 256), ac)


@micropython.viper
def fill_table(table: ptr16, counts: ptr8, symbols: ptr8, size: int, ac: int) -> int:
    """Fills a table whose entries are 0; returns how many symbols it has.

    It returns 0 for more than `size`, and for too many codes, or one of all ones (it is reserved).
    Where `ac` is 0, no symbol may exceed 15. A symbol of 0 is a coefficient there, elsewhere a block's end.
    """
    code = 0
    used = 0
    length = 1
    while length < 17:
        table[_OFFSETS + length] = used - code
        end = used + int(counts[length - 1])
        if end > size:
            return 0
        while used < end:
            symbol = int(symbols[used])
            if symbol > 15 and ac == 0:
                return 0
            table[_SYMBOLS + used] = symbol
            if length <= 8:
                rest = 8 - length
                entry = code << rest
                last = (code + 1) << rest
                rest -= symbol & 15
                mask = (1 << (symbol & 15)) - 1
                while entry < last and entry < 256:
                    if rest >= 0 and symbol < 0xF0 and (mask or ac == 0):
                        value = (entry >> rest) & mask
                        if value <= mask >> 1:
                            value -= mask
                        table[entry] = (symbol >> 4) + 1 << 12 | (8 - rest) << 8 | (value & 0xFF)
                    else:
                        table[entry] = length << 8 | symbol
                    entry += 1
            code += 1
            used += 1
        if code >> length:
            return 0
        table[_LIMITS + length] = code << (16 - length)
        code <<= 1
        length += 1
    return used


@micropython.viper
def copy_factors(source: ptr8, wide: int, factors: ptr16):
    """Copies a quantization table: 64 factors of one byte, or of two (`wide`), the upper one first."""
    i = 0
    while i < 64:
        if wide:
            factors[i] = int(source[2 * i]) << 8 | int(source[2 * i + 1])
        else:
            factors[i] = source[i]
        i += 1


@micropython.viper
def long_code(table: ptr16, window: int) -> int:
    """Returns code length << 8 | symbol for the next 16 bits, whose code has more than 8; 0 if none fits."""
    length = 9  # no limit is below that of a shorter length
    if window >= int(table[_LIMITS + 12]):
        length = 13
    if window >= int(table[_LIMITS + 1 + length]):
        length += 2
    if window >= int(table[_LIMITS + length]):
        length += 1
    if window >= int(table[_LIMITS + length]):
        return 0
    index = (window >> (16 - length)) + int(table[_OFFSETS + length])
    return length << 8 | int(table[_SYMBOLS + (index & 0xFFFF)])


@micropython.viper
def next_byte(state: ptr32, data: ptr8) -> int:
    """Returns the next byte of coefficients, or 0 at a marker and at the end of the data."""
    position = int(state[POSITION])
    end = int(state[END])
    byte = -1
    if position < end:
        byte = int(data[position])
        position += 1
    if byte == 0xFF:
        if position < end and data[position] == 0:
            position += 1
        else:  # a marker
            byte = -1
    if byte < 0:
        state[MADE_UP] = int(state[MADE_UP]) + 8
        return 0
    state[POSITION] = position
    return byte


@micropython.viper
def next_word(state: ptr32, data: ptr8) -> int:
    """Returns the next two bytes as next_byte does, the first one above the second."""
    position = int(state[POSITION])
    first = int(data[position])
    second = int(data[position + 1])
    if first == 0xFF or second == 0xFF:
        first = int(next_byte(state, data))
        return first << 8 | int(next_byte(state, data))
    state[POSITION] = position + 2
    return first << 8 | second


@micropython.viper
def failure(state: ptr32, code: int) -> int:
    """Returns what is wrong: `code`, or ENDED if there was no data left."""
    return ENDED if int(state[MADE_UP]) > 0 else code


@micropython.viper
def decode_block(
    state: ptr32, data: ptr8, dc: ptr16, ac: ptr16, factors: ptr16, block: ptr16, last_dc: int, most: int
) -> int:
    """Decodes the next block into `block`, dequantized and in natural order.

    `last_dc` indexes `state`. `most` is 63, or 0 if only the DC coefficient is wanted. Returns a zigzag
    index, at most `most`, after which there are none; or BAD_CODE, TOO_MANY or ENDED. `data` must hold
    MOST_BYTES more bytes, or the rest of the file, 0xFF and any byte.
    """
    pair = ptr32(block)
    if int(state[WORDS]) <= 16:  # four columns and four rows
        pair[0] = 0
        pair[1] = 0
        pair[4] = 0
        pair[5] = 0
        pair[8] = 0
        pair[9] = 0
        pair[12] = 0
        pair[13] = 0
    else:
        k = 0
        while k < int(state[WORDS]):
            pair[k] = 0
            pair[k + 1] = 0
            pair[k + 2] = 0
            pair[k + 3] = 0
            pair[k + 4] = 0
            pair[k + 5] = 0
            pair[k + 6] = 0
            pair[k + 7] = 0
            k += 8
    bits = int(state[BITS])  # only the lowest `ahead` + 8 bits are valid
    ahead = int(state[COUNT]) - 8  # the next 8 index a table
    if ahead < 8:
        bits = bits << 16 | int(next_word(state, data))
        ahead += 16
    entry = int(dc[(bits >> ahead) & 0xFF])
    if entry & 0xF000:
        ahead -= (entry >> 8) & 15
        value = ((entry & 0xFF) ^ 0x80) - 0x80
    else:
        if entry == 0:
            entry = int(long_code(dc, (bits >> (ahead - 8)) & 0xFFFF))
            if entry == 0:
                return int(failure(state, BAD_CODE))
        ahead -= entry >> 8
        size = entry & 15
        if ahead + 8 < size:
            bits = bits << 16 | int(next_word(state, data))
            ahead += 16
        ahead -= size
        mask = (1 << size) - 1
        value = (bits >> (ahead + 8)) & mask
        if value <= mask >> 1:
            value -= mask
    value += int(state[last_dc])
    state[last_dc] = value
    block[0] = value * int(factors[0])
    zigzag = ptr8(_ZIGZAG)
    k = 0  # index of the last coefficient
    while True:
        if ahead < 8:
            position = int(state[POSITION])  # as next_word, without a call
            first = int(data[position])
            second = int(data[position + 1])
            if first == 0xFF or second == 0xFF:
                first = int(next_byte(state, data))
                second = int(next_byte(state, data))
            else:
                state[POSITION] = position + 2
            bits = (bits << 8 | first) << 8 | second
            ahead += 16
        entry = int(ac[(bits >> ahead) & 0xFF])
        if entry & 0xF000:
            ahead -= (entry >> 8) & 15
            k += entry >> 12
            value = ((entry & 0xFF) ^ 0x80) - 0x80
        else:
            if entry == 0:
                entry = int(long_code(ac, (bits >> (ahead - 8)) & 0xFFFF))
                if entry == 0:
                    return int(failure(state, BAD_CODE))
            ahead -= entry >> 8
            size = entry & 15
            if size == 0:
                if entry & 0xF0 != 0xF0:  # the end of the block
                    break
                k += 16
                if k > 62:
                    break
                continue
            k += ((entry >> 4) & 15) + 1
            if ahead + 8 < size:
                bits = bits << 16 | int(next_word(state, data))
                ahead += 16
            ahead -= size
            mask = (1 << size) - 1
            value = (bits >> (ahead + 8)) & mask
            if value <= mask >> 1:
                value -= mask
        if k < most:
            block[int(zigzag[k])] = value * int(factors[k])
        elif k > 62:
            if k > 63:
                return int(failure(state, TOO_MANY))
            if most:
                block[63] = value * int(factors[63])
            break
    count = ahead + 8
    state[BITS] = bits
    state[COUNT] = count
    if int(state[MADE_UP]) > count:
        return ENDED
    if k > most:
        k = most
    columns = ptr8(COLUMNS)
    state[WORDS] = 4 * int(columns[k])
    return k


compiled.replace(globals())
