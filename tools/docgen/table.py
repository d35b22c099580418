# SPDX-License-Identifier: MIT
"""Markdown tables.

text = table(("option", "meaning"), [("`--json`", "Print one JSON object.")])
"""

from collections.abc import Collection, Iterable, Sequence


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], right: Collection[int] = ()) -> str:
    """Returns a Markdown table; each cell becomes one line, in which | is escaped.

    The columns whose indexes are in `right` are aligned to the right.
    """
    rule = ["---:" if column in right else "---" for column in range(len(headings))]
    lines = [list(headings), rule, *rows]
    return "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines)


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", r"\|")
