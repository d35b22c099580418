# SPDX-License-Identifier: MIT
"""What both Thumb targets use."""

from galago.native.assemblers.thumb import EQ, GE, GT, HI, HS, LE, LO, LS, LT, NE
from galago.native.compiler.ir import INVERSE

CONDITIONS = {
    "eq": EQ, "ne": NE, "lt": LT, "ge": GE, "gt": GT, "le": LE, "ltu": LO, "geu": HS, "gtu": HI, "leu": LS,
}  # fmt: skip
INVERTED = {relation: CONDITIONS[INVERSE[relation]] for relation in CONDITIONS}


def frame(saved: list[int], slots: int) -> int:
    """Bytes of the stack for slots, and what aligns it to 8 bytes after the saved registers and LR."""
    return 4 * (slots + (len(saved) + 1 + slots) % 2)


def is_mask(number: int) -> bool:
    """Whether a number is 2**n - 1."""
    return number > 0 and not number & number + 1
