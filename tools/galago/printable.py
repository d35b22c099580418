# SPDX-License-Identifier: MIT
"""Text from files and boards, made harmless for a terminal and for whoever reads JSON lines.

printable("cat\x1b[2J")          # "cat\\x1b[2J": what would move the cursor is shown instead
json_line({"image": "a\u2028b"}) # one line, whatever is in it
"""

import json
import unicodedata
from typing import Any

# Control characters, line and paragraph separators, and surrogates, which no encoding can write; of the
# format characters only those that reverse the direction of text (Unicode 15, section 23.2).
_CATEGORIES = ("Cc", "Zl", "Zp", "Cs")
_DIRECTIONS = set("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str) -> str:
    """Return the text with each control character replaced by its escape, as Python writes it."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(c) if _acts(c) else c for c in text)


def json_line(value: Any) -> str:
    """Return a value as JSON on one line that a terminal may show; strings keep their content."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(f"\\u{ord(c):04x}" if _acts(c) else c for c in text)


def _acts(character: str) -> bool:
    return unicodedata.category(character) in _CATEGORIES or character in _DIRECTIONS


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()
