# SPDX-License-Identifier: MIT
"""Optimizations on the intermediate representation: one file for each, all with `run(function)`.

fold.py         constants, algebraic identities, cheaper operations, phis of one value, decided branches
common.py       common subexpressions
invariant.py    computations that give the same in each round of a loop move before it
division.py     Python's // and % by the processor's division
dead.py         what nothing uses
"""

from galago.native.compiler.ir import Function
from galago.native.compiler.passes import common, dead, division, fold, invariant


def optimize(function: Function, divides: bool) -> None:
    """All passes, in the order that pays; `divides` as for division.run."""
    fold.run(function)
    division.run(function, divides)
    for _ in range(2):  # the second round finds what the first one made equal
        fold.run(function)
        common.run(function)
        invariant.run(function)
    dead.run(function)
