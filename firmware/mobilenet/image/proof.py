# SPDX-License-Identifier: MIT
"""Runs two versions of a picture function on the same noise: its viper source and its machine code.

same("idct_8", globals_of_idct, picture.idct_8)

Each case of a function is a function that returns its arguments, made anew for each run. Together they take
every way through the function.
"""

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


def _blocks():
    # Coefficients of any size; few and small ones; the DC value alone, positive and negative.
    full = _noise("H", 64)
    small = array("H", [0xFFF0 + i if i % 9 < 2 else 0 for i in range(64)])
    return full, small, array("H", [900] + [0] * 63), array("H", [0xF000] + [0] * 63)


def _idct(_):
    return [lambda b=b: (array("H", b), bytearray(160), 3, 19) for b in _blocks()]


def _fill(_):
    return [
        lambda b=b, n=n: (array("H", b), bytearray(160), 3, 19, n) for b in _blocks() for n in (1, 2, 4, 8)
    ]


def _upsample(_):
    kinds = (1, 2, 3, 6, 7, 8)
    return [lambda k=k, n=n: (_noise("B", 60), 2, 31, n, k, bytearray(30)) for k in kinds for n in (1, 2, 9)]


def _interleave(_):
    return [
        lambda ycc=ycc: (_noise("B", 40), 1, _noise("B", 50), 7, _noise("B", 60), 20, bytearray(99), 33, ycc)
        for ycc in (0, 1)
    ]


def _resize_row(_):
    spans = array("H", [0, 2, 3, 1, 2, 2, 5, 0, 4, 9, 2, 6, 9, 10, 4, 4])
    return [lambda: (_noise("B", 44), 4, 1, spans, _noise("i", 8), 1, 4, 11)]


def _weighted(_):
    return [lambda: (_noise("i", 9), _noise("i", 9, 0xFFFF), 8, 77)]


def _quantize(_):
    return [
        lambda grey=grey: (_noise("i", 15, 0xFFFF), bytearray(20), 2, 5, 3, grey) for grey in (0, 1, 2, 3)
    ]


def _decode(names):
    build_table = names["build_table"]
    dc = build_table(bytes((0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0)), bytes(range(12)), 15)
    counts = bytes((0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 40))
    ac = build_table(counts, bytes([(i * 37 + 1) % 163 for i in range(77)]), 255)

    def case(size):
        data = _noise("B", size)
        data[size // 2] = 255
        data[size // 2 + 1] = 0
        return (
            array("i", [0, 0, 0, size, 0, 0, 0, 0]),
            data,
            dc,
            ac,
            _noise("H", 64, 63),
            array("H", bytes(128)),
            6,
        )

    return [lambda: case(600), lambda: case(40), lambda: case(3)]


_CASES = {
    "idct_8": _idct,
    "idct_4": _idct,
    "idct_2": _idct,
    "fill": _fill,
    "upsample": _upsample,
    "interleave": _interleave,
    "_resize_row": _resize_row,
    "_set": _weighted,
    "_add": _weighted,
    "_quantize": _quantize,
    "_fill_zero": lambda _: [lambda: (_noise("B", 20), 19)],
    "_expand": lambda _: [lambda low=low: (_noise("B", 44), 2, 20, low, bytearray(64)) for low in (0, 1)],
    "decode_block": _decode,
}
_TIMES = {"decode_block": 40}
