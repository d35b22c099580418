# SPDX-License-Identifier: MIT
"""Tables that fit the window: less important columns are left out, and words are never broken."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

_GAP = 2  # spaces between columns


@dataclass(frozen=True)
class Column:
    """A column: its title, which may have several lines, and its cells from top to bottom."""

    title: str
    cells: Sequence[str]
    rank: int = 0
    """Columns of rank 0 are always shown; the others as far as there is room, in the order of their ranks."""
    right: bool = False
    """Whether the cells are aligned to the right."""
    styles: Sequence[str] = ()
    """A rich style per cell; empty for plain text."""

    @property
    def width(self) -> int:
        """The longest line, in characters."""
        return max(len(line) for text in (self.title, *self.cells) for line in text.split("\n"))


def width_of(columns: Sequence[Column]) -> int:
    """The width in characters of a table of all these columns."""
    return sum(column.width for column in columns) + _GAP * (len(columns) - 1)


def choose(columns: Sequence[Column], width: int) -> list[Column]:
    """The columns that fit into `width` characters, in their own order."""
    chosen = {column.title for column in columns if not column.rank}
    for rank in sorted({column.rank for column in columns} - {0}):
        more = chosen | {column.title for column in columns if column.rank == rank}
        if width_of([column for column in columns if column.title in more]) <= width:
            chosen = more
    return [column for column in columns if column.title in chosen]


def table(columns: Sequence[Column]) -> "Table":
    """A rich table of these columns, without a frame. Where even they are too wide, the first one is cut."""
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        justify = "right" if column.right else "left"
        drawn.add_column(
            Text(column.title),
            justify=justify,
            vertical="bottom",
            overflow="ellipsis",
            no_wrap=column is not columns[0],
        )
    styled = [zip(column.cells, column.styles or [""] * len(column.cells), strict=True) for column in columns]
    for row in zip(*styled, strict=True):
        drawn.add_row(*(Text(text, style) for text, style in row))
    return drawn


def wrap(text: str, width: int) -> str:
    """The text in lines of at most `width` characters, broken at spaces; longer words, after a slash."""
    return "\n".join(_wrap_line(line, width) for line in text.split("\n"))


def _wrap_line(line: str, width: int) -> str:
    lines = [""]
    for word in line.split():
        parts = [word] if len(word) <= width else re.findall(r"[^/]*/|[^/]+", word)
        for number, part in enumerate(parts):
            space = " " if lines[-1] and number == 0 else ""
            if len(lines[-1]) + len(space) + len(part) <= width:
                lines[-1] += space + part
            else:
                lines.append(part)
    return "\n".join(filter(None, lines))
