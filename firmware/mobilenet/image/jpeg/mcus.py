# SPDX-License-Identifier: MIT
"""Decodes the MCUs of a row (ITU-T T.81, A.2) from their bits to samples, in one call.

The state continues that of huffman.py. The plan has FIELDS words for each block of an MCU: where its tables
are, and where its samples go.
"""

import micropython
from micropython import const

from .. import compiled
from .huffman import decode_block
from .idct import fill, idct_2, idct_4, idct_8

_POSITION = const(2)  # as in huffman.py: viper inlines the constants of its own module only
_END = const(3)
_WORDS = const(8)

BLOCK = const(9)  # next block of the MCU
COLUMN = const(10)  # next MCU of the row
STOP = const(11)  # the MCU before which to return
BLOCKS = const(12)  # in an MCU
FIRST = const(13)  # the MCUs whose samples are wanted
BEYOND = const(14)
LEAST = const(15)  # bytes of data that a block needs
STATE = const(16)  # words

DC = const(0)  # tables, as offsets in bytes
AC = const(1)
FACTORS = const(2)
LAST_DC = const(3)  # index in the state
PLANE = const(4)
PLACE = const(5)  # of the first sample, in the first MCU that is wanted
WIDTH = const(6)  # samples from one MCU to the next
STRIDE = const(7)
SIZE = const(8)  # samples across: 8, 4, 2 or 1
FIELDS = const(9)

HUNGRY = const(-4)


@micropython.viper
def decode_mcus(
    state: ptr32, data: ptr8, tables: ptr8, plan: ptr32, y: ptr8, cb: ptr8, cr: ptr8, block: ptr16
) -> int:
    """Decodes MCUs up to STOP. Returns 0; HUNGRY if `data` must be filled; or an error of decode_block."""
    column = int(state[COLUMN])
    number = int(state[BLOCK])
    while column < int(state[STOP]):
        across = column - int(state[FIRST])
        wanted = 1
        if across < 0 or column >= int(state[BEYOND]):
            wanted = 0
        while number < int(state[BLOCKS]):
            if int(state[_END]) - int(state[_POSITION]) < int(state[LEAST]):
                state[COLUMN] = column
                state[BLOCK] = number
                return HUNGRY
            at = FIELDS * number
            number += 1
            size = int(plan[at + SIZE])
            most = 63
            if size == 1 or wanted == 0:
                most = 0
            last = int(
                decode_block(
                    state,
                    data,
                    ptr16(int(tables) + int(plan[at + DC])),
                    ptr16(int(tables) + int(plan[at + AC])),
                    ptr16(int(tables) + int(plan[at + FACTORS])),
                    block,
                    int(plan[at + LAST_DC]),
                    most,
                )
            )
            if last < 0:
                return last
            if wanted == 0:
                continue
            plane = y
            if int(plan[at + PLANE]) == 1:
                plane = cb
            elif int(plan[at + PLANE]) == 2:
                plane = cr
            place = int(plan[at + PLACE]) + across * int(plan[at + WIDTH])
            stride = int(plan[at + STRIDE])
            if last == 0:
                fill(block, plane, place, stride, size)
            else:
                columns = int(state[_WORDS]) >> 2
                if size == 8:
                    idct_8(block, plane, place, stride, columns)
                elif size == 4:
                    idct_4(block, plane, place, stride, columns)
                else:
                    idct_2(block, plane, place, stride, columns)
        number = 0
        column += 1
    state[COLUMN] = column
    state[BLOCK] = 0
    return 0


compiled.replace(globals(), inlined=("decode_block", "fill", "idct_8", "idct_4", "idct_2"))
