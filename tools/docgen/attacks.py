# SPDX-License-Identifier: MIT
# ruff: noqa: E501
"""The part of docs/reliability.md about attacks. `make attack` writes it, `make faults` the rest.

page = replaced(page, section(tallies, how, seed=1))
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from docgen.table import table

MARK = "<!-- attacks -->\n"
"""Where the section begins; it ends with the page."""

_SECTION = """
## Attacks

Written by `make attack`, which tries inputs drawn from a seed (this time {seed}) until its time is up; each kind runs in a process of its own, and its row shows the last time it was tried. An input fails if anything happens but success or an error with
a [code](errors.md) and one line of text: a traceback, a crash, a hang, a wrong answer, something left behind. `python tests/attack --only KIND --seed {seed} --first N --count 1` tries the input N again.

**{tried:,} inputs of {kinds} kinds were tried; {failed} failed.**

{table}
"Longest" is the longest attempt in real time, whatever else the computer did. "MB" is the most memory that the host's process, or one that it started, had at any time.

{soaks}"""


class Tally(Protocol):
    """What came of one kind of attack (tests/attack/__main__.py)."""

    tried: int
    seconds: float
    longest: float
    memory: float
    figures: dict[str, str]
    failures: list[str]


def section(tallies: Mapping[str, Tally], how: Mapping[str, str], seed: int) -> str:
    """Return the section; `how` says of each kind what is attacked and how."""
    rows: list[Sequence[object]] = [
        (
            name,
            how[name],
            f"{tally.tried:,}",
            len(tally.failures),
            f"{tally.seconds:.0f} s",
            f"{tally.longest:.1f} s",
            f"{tally.memory:.0f}",
        )
        for name, tally in tallies.items()
    ]
    soaks = [
        f"{how[name]}:\n\n{table(('figure', 'value'), tally.figures.items())}"
        for name, tally in tallies.items()
        if tally.figures
    ]
    return _SECTION.format(
        seed=seed,
        tried=sum(tally.tried for tally in tallies.values()),
        kinds=len(tallies),
        failed=sum(len(tally.failures) for tally in tallies.values()),
        table=table(("kind", "how", "tried", "failed", "time", "longest", "MB"), rows, range(2, 7)),
        soaks="\n".join(soaks),
    )


def replaced(page: str, new: str) -> str:
    """Return the page with another section of attacks."""
    return page.partition(MARK)[0].rstrip("\n") + "\n\n" + MARK + new


def kept(old: str) -> str:
    """Return the section of a page with its mark, or nothing if it has none."""
    _, mark, section = old.partition(MARK)
    return f"\n{mark}{section}" if mark else ""
