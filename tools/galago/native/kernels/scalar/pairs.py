# SPDX-License-Identifier: MIT
"""One multiplication for pixels x and y, whose inputs share a word: (x + (y << 16)) w = x w + (y w << 16).

The sum of two such products, or one alone, fits the word: each half is at least -32,512 and at most 32,768.
With LIFT added to both halves they are the unsigned halves of t. Blocks of four pixels keep two sums of each
pair in registers, of t and of t >> 16. The second is the sum of y w, and LIFT times the number of its terms,
which the biases lack. The first, less 65,536 times the second, is the sum of x w.
"""

from galago.native.kernels.scalar.function import Function

TURNS = ((8, "eights"), (1, "ones"))
"""The turns of a block's inner loop, first of eight taps, then of one: the number of taps, and the word of
the frame that the pointer to the first channel's weights equals after the last such turn. A turn of eight
taps adds four sums of two products."""
LIFT = 0x7FFF

FRAME = ("lift", "pair", "zero", "flat", *(end for _, end in TURNS))
"""Words of a function's frame: `lift` was taken from the biases, and a pixel without a pair needs it back;
`pair` is LIFT in both halves; `zero` is the zero point that was taken from the biases, times the sum of the
weights, or `flat` the one that is taken from the windows, and the other is 0."""


def ends(code: Function, t: int, u: int) -> None:
    """Fills the words that TURNS names, for the channels at `weights`."""
    code.load(t, "weights")
    code.load(u, "taps")
    code.plus(t, t, u)
    code.store(t, "ones")
    code.low_bits(u, u, 3)
    code.minus(t, t, u)
    code.store(t, "eights")


def lift(code: Function, taps: int, lift: int, terms: int, t: int) -> None:
    """Fills `pair` and `lift`. The register `taps` has the number of taps, and keeps it."""
    code.low_bits(t, taps, 3)
    code.right(terms, taps, 3)
    for _ in range(2):
        code.plus(terms, terms, terms)
    code.plus(terms, terms, t)
    code.constant(lift, LIFT >> 8)
    code.left(lift, lift, 8)
    code.constant(t, LIFT & 255)
    code.plus(lift, lift, t)
    code.times(terms, lift)
    code.store(terms, "lift")
    code.left(t, lift, 16)
    code.plus(t, t, lift)
    code.store(t, "pair")


def zero(code: Function, shifted: bool) -> None:
    """Fills `zero` and `flat`: a layer without pairs does not sum up its weights, which it uses once."""
    record, zero, flat, t, width = code.general[:5]
    code.load(record, "record")
    code.word(zero, "in_zero", record)
    code.constant(flat, 0)
    if not shifted:
        code.word(t, "out_h", record)
        code.word(width, "out_w", record)
        code.times(t, width)
        code.increase(t, -4)
        code.branch_if(t, ">=", None, "pairs", near=True)
        code.copy(flat, zero)
        code.constant(zero, 0)
        code.label("pairs")
    code.store(zero, "zero")
    code.store(flat, "flat")


def flatten(code: Function, flat: str) -> None:
    """Takes `flat` away from the windows; goes to a label if it is 0."""
    at, end, zero, t = code.general[:4]
    code.load(zero, "flat")
    code.branch_if(zero, "==", None, flat)
    code.load(at, "windows")
    code.load(end, "taps")
    code.load(t, "pixels")
    code.times(end, t)
    code.left(end, end, 2)
    code.plus(end, end, at)
    code.label("flatten")
    code.load32(t, at)
    code.minus(t, t, zero)
    code.store32(t, at)
    code.increase(at, 4)
    code.branch_if(at, "!=", end, "flatten", near=True)
