# SPDX-License-Identifier: MIT
"""Runs two versions of a picture function on the same noise: its viper source and its machine code.

same("rgb_rows", globals_of_color, picture.rgb_rows)

Each case of a function is a function that returns its arguments, made anew for each run. Together they take
every way through the function.
"""

import sys
from array import array


def same(name, names, second):
    """Returns whether results and all buffers are equal after each call; False for an unknown name.

    `names` are the globals of the module that defines the viper function.
    """
    if name not in _CASES:
        return False
    first = names[name]
    for case in _CASES[name](names):
        mine, other = case(), case()
        for _ in range(_TIMES.get(name, 1)):
            if first(*mine) != second(*other):
                return False
            for i in range(len(mine)):
                if not isinstance(mine[i], int) and bytes(mine[i]) != bytes(other[i]):
                    return False
    return True


def _noise(kind, count, mask=-1):
    """Returns an array of noise: upper bits of a linear congruential generator."""
    x = 1
    values = array(kind, bytes(count * {"B": 1, "H": 2, "i": 4}[kind]))
    top = {"B": 0xFF, "H": 0xFFFF, "i": 0x3FFFFFFF}[kind] & mask
    for i in range(count):
        x = (x * 75 + 74) & 0xFFFFFF
        values[i] = (x * 257 >> 7) & top
    return values


def _rgb_rows(names):
    # Chroma of each kind, in the first, a middle and the last row; the plane begins with the row before.
    def case(kind, y, ycc):
        down = 2 if kind & 18 else 1
        plan = array("i", (1, 8, 12, 0, 9, 12, 0))
        for _ in range(2):
            plan.extend(array("i", (down, 8 // down, 12, kind, 9 // down, 6 if kind & 9 else 12, 0)))
        plan[20] = 24
        planes = [_noise("B", 120), _noise("B", 121), _noise("B", 122)]
        rows = 2 if y < 7 else 1
        return (plan, 0, y, rows, 1, 10, ycc) + tuple(planes) + (bytearray(48), bytearray(64))

    kinds = (0, 1, 2, 3, 8, 16, 24)
    return [lambda k=k, y=y: case(k, y, 1) for k in kinds for y in (0, 5, 8)] + [lambda: case(0, 3, 0)]


def _span(_):
    cases = ((300, 96, 192, 5, 0), (300, 96, 96, 0, 7), (4, 9, 0, 0, 8), (1, 7, 0, 0, 3))
    return [lambda c=c: (c[0], c[1], c[2], c[3], c[0], c[4], array("i", bytes(24)), 1) for c in cases]


def _column_spans(_):
    cases = ((300, 9, 18, 5, 0, 3), (7, 7, 7, 0, 7, 1), (4, 9, 0, 0, 8, 4))
    return [lambda c=c: c + (array("i", bytes(144)),) for c in cases]


def _push(names):
    # Rows of 4 of 11 pixels: a mean of RGB, of grey and of RGB565 pixels, written upwards; and enlarged,
    # turned. Bit 2 of `grey` stands for the low byte first.
    def case(planes, step, unit, row_unit, grey, stride=-12, following=3):
        state = names["new_state"]()
        for i, value in enumerate((4, planes, step, unit, 11, row_unit, 9, 1, 9, 9, 4)):
            state[i] = value
        state[names["AT"]], state[names["STRIDE"]], state[names["NEXT"]] = 40, stride, following
        state[names["LAST"]], state[names["HEAD"]], state[names["TAIL"]] = 2, 4, 1
        state[names["RED"]], state[names["GREY"]] = 2 * (step == 4), grey & 3
        state[names["LOW"]] = 0 if grey & 4 else 1
        spans = [0, 2, 768, 256, 2, 2, 2816, 0, 4, 9, 512, 256, 9, 10, 1792, 1024]
        spans = array("i", [spans[i] * (1 if i & 2 else step) for i in range(16)])
        sums = [_noise("i", 12, 0xFFF) for _ in range(3)]
        return state, _noise("B", 60), 2, 7, 3, spans, sums[0], sums[1], sums[2], bytearray(60)

    kinds = (
        (3, 3, 4, 4, 0),
        (3, 4, 4, 4, 1),
        (1, 1, 4, 4, 2),
        (1, 1, 4, 4, 3, -4, 1),
        (3, 3, 0, 0, 0, 3, -12),
        (3, 2, 4, 4, 0),
        (3, 2, 4, 4, 4),
    )
    return [lambda k=k: case(*k) for k in kinds]


_COUNTS = bytes((0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0))
_LONG_COUNTS = bytes((0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 40))
_SYMBOLS = bytes([(i * 37 + 1) % 163 for i in range(77)])


def _fill_table(_):
    cases = (
        (_COUNTS, bytes(range(12)), 12, 0),
        (_LONG_COUNTS, _SYMBOLS, 77, 0),
        (_LONG_COUNTS, _SYMBOLS, 77, 1),
        (bytes((3,) * 16), _SYMBOLS, 77, 1),
    )
    return [lambda c=c: (array("H", bytes(2 * (290 + c[2]))),) + c for c in cases]


def _decode(_):
    # Importing it here would be a cycle: its last line calls this module.
    huffman = sys.modules[__name__[: -len("proof")] + "jpeg.huffman"]

    def table(counts, symbols, ac):
        made = bytearray(huffman.LARGEST_TABLE)
        huffman.build_table(counts, symbols, ac, made)
        return made

    dc, ac = table(_COUNTS, bytes(range(12)), 0), table(_LONG_COUNTS, _SYMBOLS, 1)
    few = table(bytes((0, 2, 1) + (0,) * 13), bytes((0, 1, 0x11)), 1)

    def case(size, ac, bits):
        # Two MCUs of 8x8, 4x4, 2x2 and 1x1 samples, and one that is skipped. Few coefficients leave columns
        # without any; noise has all, and ends in an error.
        data = _noise("B", size + 2)
        data[size // 2] = data[size] = 255
        data[size // 2 + 1] = 0
        factors = _noise("H", 64, bits)
        tables = bytes(dc) + bytes(ac) + bytes(factors)
        places = (0, len(dc), len(dc) + len(ac))
        plan = []
        for number, square in enumerate((8, 4, 2, 1, 8)):
            plan += places + (5 + number % 3, number % 3, 8, square, 24, square)
        state = array("i", [0, 0, 0, size, 0, 0, 0, 0, 0, 0, 0, 3, 5, 0, 2, 20])
        planes = [bytearray(24 * 9) for _ in range(3)]
        return state, data, tables, array("i", plan), planes[0], planes[1], planes[2], array("h", bytes(256))

    cases = ((600, few, 15), (600, few, 0xFFFF), (600, ac, 63), (40, ac, 63), (3, few, 15))
    return [lambda c=c: case(*c) for c in cases]


_CASES = {
    "decode_mcus": _decode,
    "fill_table": _fill_table,
    "rgb_rows": _rgb_rows,
    "span": _span,
    "column_spans": _column_spans,
    "push": _push,
    "fill_zero": lambda _: [lambda: (_noise("B", 20), 19)],
}
_TIMES = {"decode_mcus": 3, "push": 3}
