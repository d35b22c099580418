# SPDX-License-Identifier: MIT
"""Counts in messages: `plural(1, "picture")` is "1 picture", `plural(2, "picture")` is "2 pictures"."""


def plural(count: int, noun: str) -> str:
    """The count with its noun, which takes a plain s in the plural."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
