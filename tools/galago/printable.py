# SPDX-License-Identifier: MIT
"""Text from files and boards, made harmless for a terminal: what would move the cursor is shown instead.

printable("cat\x1b[2J")         # the escape character becomes \\u001b
printable_lines("a\nb\x07")     # line ends and tabs are kept
"""

import unicodedata

# Control characters, line and paragraph separators, and surrogates, which no encoding can write; of the
# format characters only those that reverse the direction of text (Unicode 15, section 23.2).
_CATEGORIES = ("Cc", "Zl", "Zp", "Cs")
_DIRECTIONS = set("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str) -> str:
    """Return the text on one line, with each control character replaced by its escape, as JSON writes it."""
    return _escaped(text, "")


def printable_lines(text: str) -> str:
    """Return the text as `printable` does, but with its line ends and tabs."""
    return _escaped(text, "\n\t")


def _escaped(text: str, kept: str) -> str:
    if text.isprintable() and not _DIRECTIONS.intersection(text):
        return text
    return "".join(f"\\u{ord(c):04x}" if _acts(c) and c not in kept else c for c in text)


def _acts(character: str) -> bool:
    return unicodedata.category(character) in _CATEGORIES or character in _DIRECTIONS
