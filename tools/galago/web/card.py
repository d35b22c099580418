# SPDX-License-Identifier: MIT
"""The model's card (CARD.md) as HTML: headings, paragraphs, lists, tables, bold text and code.

Addresses of links are left out: the page loads nothing, and most name files beside the card.
"""

import re
from html import escape

_INLINE = (
    (re.compile(r"\[([^\]]*)\]\([^)]*\)"), r"\1"),
    (re.compile(r"\*\*(.+?)\*\*", re.DOTALL), r"<strong>\1</strong>"),
    (re.compile(r"`([^`]+)`"), r"<code>\1</code>"),
)
_RULE = re.compile(r"[|\s:-]+")


def html(markdown: str) -> str:
    """The card without its title, which the page has already."""
    blocks = re.split(r"\n\s*\n", markdown.strip())
    return "\n".join(_block(block) for block in blocks if not block.startswith("# "))


def _block(block: str) -> str:
    lines = block.splitlines()
    if heading := re.match(r"##+ (.*)", block):
        return f"<h3>{_inline(heading[1])}</h3>"
    if lines[0].startswith("|"):
        rows = [line.strip().strip("|").split("|") for line in lines if not _RULE.fullmatch(line)]
        return f"<table>{''.join(_row(row, 'td' if n else 'th') for n, row in enumerate(rows))}</table>"
    if lines[0].startswith("- "):
        items = re.split(r"^- ", block, flags=re.MULTILINE)[1:]
        return f"<ul>{''.join(f'<li>{_inline(item)}</li>' for item in items)}</ul>"
    return f"<p>{_inline(block)}</p>"


def _row(cells: list[str], kind: str) -> str:
    return f"<tr>{''.join(f'<{kind}>{_inline(cell)}</{kind}>' for cell in cells)}</tr>"


def _inline(text: str) -> str:
    text = escape(" ".join(text.split()), quote=False)
    for pattern, replacement in _INLINE:
        text = pattern.sub(replacement, text)
    return text
