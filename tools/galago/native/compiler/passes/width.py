# SPDX-License-Identifier: MIT
"""How many of the lowest bits of a value may be set; those above are 0."""

from galago.native.compiler.ir import LOADS, Value

_DEPTH = 6  # of the search


def width(value: Value, word: int, depth: int = _DEPTH) -> int:
    """The number of bits, at most `word`."""
    if value.op == "const":
        return value.number.bit_length() if value.number >= 0 else word
    if value.op in LOADS:
        return word if value.op.endswith("s") else min(word, 8 * LOADS[value.op])
    if not depth or len(value.args) != 2:
        return word
    first, second = (width(argument, word, depth - 1) for argument in value.args)
    right = value.args[1]
    shift = right.number if right.op == "const" and 0 <= right.number < word else None
    match value.op:
        case "and":
            return min(first, second)
        case "or" | "xor":
            return max(first, second)
        case "add":
            return min(word, max(first, second) + 1)
        case "mul":
            return min(word, first + second)
        case "shl" if shift is not None:
            return min(word, first + shift)
        case "shr" if shift is not None:
            return max(0, first - shift)
        case "sar" if shift is not None and first < word:
            return max(0, first - shift)
        case _:
            return word
