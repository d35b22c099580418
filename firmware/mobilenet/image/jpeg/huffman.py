# SPDX-License-Identifier: MIT
"""Decodes one block of Huffman-coded coefficients (ITU-T T.81, annexes C and F.2).

A table is an array('H'):
    [0:256]    by the next 8 bits: code length << 8 | symbol, or 0 for a longer code
    [256:273]  by code length: the smallest value of the next 16 bits that is too large for this length
    [273:290]  by code length: offset from a code to the index of its symbol, modulo 65536
    [290:]     the symbols
The reader's state is an array('i'): bits, their number, position in the buffer, end of the buffer, number of
bits made up after the end of the data, and the last DC value of each component.
"""

from array import array

import micropython
from micropython import const

from .. import compiled

BITS = const(0)
COUNT = const(1)
POSITION = const(2)
END = const(3)
MADE_UP = const(4)
LAST_DC = const(5)

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


def build_table(counts, symbols, largest):
    """Returns the table for `counts[n]` codes of n + 1 bits and their symbols; None if invalid."""
    if len(counts) != 16 or not symbols or len(symbols) > 256 or max(symbols) > largest:
        return None
    table = array("H", bytes(2 * (_SYMBOLS + len(symbols))))
    code = used = 0
    for length in range(1, 17):
        count = counts[length - 1]
        table[_OFFSETS + length] = (used - code) & 0xFFFF
        for i in range(used, used + count):
            table[_SYMBOLS + i] = symbols[i]
            if length <= 8:
                for entry in range(code << (8 - length), min(256, (code + 1) << (8 - length))):
                    table[entry] = length << 8 | symbols[i]
            code += 1
        used += count
        if code >= 1 << length:  # too many codes, or one of all ones, which is reserved
            return None
        table[_LIMITS + length] = code << (16 - length)
        code <<= 1
    return table


@micropython.viper
def decode_block(
    state: ptr32, data: ptr8, dc: ptr16, ac: ptr16, factors: ptr16, block: ptr16, last_dc: int
) -> int:
    """Decodes the next block into `block`, dequantized and in natural order; `last_dc` indexes `state`.

    Returns the zigzag index of the last coefficient, or BAD_CODE, TOO_MANY or ENDED. `data` must hold
    MOST_BYTES more bytes, or the rest of the file.
    """
    bits = int(state[BITS])  # only the lowest `count` bits are valid
    count = int(state[COUNT])
    position = int(state[POSITION])
    end = int(state[END])
    zigzag = ptr8(_ZIGZAG)
    pair = ptr32(block)
    k = 0
    while k < 32:
        pair[k] = 0
        k += 1
    table = dc
    k = 0
    last = 0
    size = -1  # bits of the next value; -1: a code comes next
    while k < 64:
        needed = size
        if size < 0:
            needed = 16
        while count < needed:
            byte = 0
            if position < end:
                byte = int(data[position])
            if byte == 0xFF:
                if position + 1 < end and data[position + 1] == 0:
                    position += 1
                else:  # a marker
                    end = position
            if position < end:
                position += 1
            else:
                byte = 0
                state[MADE_UP] += 8
            bits = bits << 8 | byte
            count += 8

        if size >= 0:
            count -= size
            value = (bits >> count) & ((1 << size) - 1)
            if size > 0 and value >> (size - 1) == 0:
                value -= (1 << size) - 1
            if k == 0:
                value += int(state[last_dc])
                state[last_dc] = value
                table = ac
            block[int(zigzag[k])] = value * int(factors[k])
            last = k
            k += 1
            size = -1
            continue

        next16 = (bits >> (count - 16)) & 0xFFFF
        entry = int(table[next16 >> 8])
        length = entry >> 8
        symbol = entry & 255
        if entry == 0:
            length = 9
            while length < 17 and next16 >= int(table[_LIMITS + length]):
                length += 1
            if length == 17:
                last = BAD_CODE
                break
            symbol = int(
                table[_SYMBOLS + (((next16 >> (16 - length)) + int(table[_OFFSETS + length])) & 0xFFFF)]
            )
        count -= length
        size = symbol & 15
        if size == 0 and k > 0:
            if symbol != 0xF0:  # end of the block
                break
            k += 16
            size = -1
        else:
            k += symbol >> 4
            if k > 63:
                last = TOO_MANY
                break
    state[BITS] = bits
    state[COUNT] = count
    state[POSITION] = position
    made_up = int(state[MADE_UP])
    if made_up > count or (last < 0 and made_up > 0):
        return ENDED
    return last


compiled.replace(globals())
