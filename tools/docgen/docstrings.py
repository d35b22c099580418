# SPDX-License-Identifier: MIT
"""Turns Galago's plain docstrings into Markdown for mkdocstrings, as an extension of its reader, griffe.

    text = markdown(docstring)

Usage examples become code blocks, and lists of `name   meaning` become tables. The rest is Markdown already.
"""

import ast
import re
from textwrap import dedent
from typing import Any

import griffe

from docgen.table import table

_ENTRY = re.compile(r"(\S(?:.*?\S)?) {2,}(\S.*)")


class PlainDocstrings(griffe.Extension):
    """Rewrites the docstring of every module, class, function and attribute."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called by griffe for each object that it has read."""
        if obj.docstring:
            obj.docstring.value = markdown(obj.docstring.value)


def markdown(docstring: str) -> str:
    """Returns a docstring as Markdown, paragraph by paragraph."""
    return "\n\n".join(_paragraph(text) for text in re.split(r"\n\s*\n", docstring.strip("\n")))


def _paragraph(text: str) -> str:
    plain = dedent(text)
    entries = _entries(plain.splitlines())
    if entries:
        return table(("name", "meaning"), [(f"`{name}`", meaning) for name, meaning in entries])
    if plain != text or _is_code(plain):
        return f"```python\n{plain}\n```"
    return text


def _entries(lines: list[str]) -> list[tuple[str, str]]:
    """Returns the entries of a list in two columns; an indented line continues the one before it."""
    entries: list[tuple[str, str]] = []
    for line in lines:
        match = _ENTRY.fullmatch(line)
        if match and "#" not in line and "(" not in match[1]:
            entries.append((match[1], match[2]))
        elif entries and line.startswith("    "):
            entries[-1] = entries[-1][0], f"{entries[-1][1]} {line.strip()}"
        else:
            return []
    return entries


def _is_code(text: str) -> bool:
    try:
        statements = ast.parse(text).body
    except SyntaxError:
        return False
    return any(not isinstance(node, ast.Expr) or isinstance(node.value, ast.Call) for node in statements)
