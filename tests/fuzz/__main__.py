# SPDX-License-Identifier: MIT
"""Runs damaged .tflite files on the real interpreter, and compares what it accepts with TFLM.

    python tests/fuzz                       # 20,000 files
    python tests/fuzz 1000 --first 5000
    python tests/fuzz --show 4711           # one file: what was damaged, and the verdict

The exit status is 1 if there was a fault: anything other than success or a GalagoError.
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from interpreter_under_test import Verdict
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

sys.path.append(str(Path(__file__).resolve().parents[1]))  # run as a program, not by pytest

from judgement import judge

from support import mutations

_BATCH = 25
_MARK = "<!-- counts -->"


def campaign(first: int, count: int, jobs: int) -> Iterator[tuple[mutations.Mutant, Verdict]]:
    """Yields verdicts on mutants in the order of their numbers; runs in parallel."""
    batches = [range(n, min(n + _BATCH, first + count)) for n in range(first, first + count, _BATCH)]
    with ProcessPoolExecutor(jobs) as pool:
        for judged in pool.map(judge, batches):
            yield from judged


def main() -> int:
    """Runs the campaign; returns the exit status."""
    parser = argparse.ArgumentParser(prog="tests/fuzz", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("count", type=int, nargs="?", default=20_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--show", type=int, metavar="NUMBER")
    parser.add_argument(
        "--record", type=Path, metavar="FILE", help="write the counts to this file, after its mark"
    )
    options = parser.parse_args()
    if options.show is not None:
        options.first, options.count = options.show, 1
    outcomes: dict[str, Counter[str]] = {}
    faults = 0
    console = Console(width=None if sys.stdout.isatty() else 120)
    columns = (
        TextColumn("fuzzing"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[faults]} faults"),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=options.count, faults=0)
        for mutant, verdict in campaign(options.first, options.count, options.jobs):
            outcomes.setdefault(verdict.outcome, Counter())[mutant.kind] += 1
            if verdict.outcome == "fault":
                faults += 1
            if verdict.outcome == "fault" or options.show is not None:
                console.print(
                    f"{mutant.number}: {mutant.kind} of {mutant.seed}: {verdict.outcome} {verdict.detail}",
                    markup=False,
                )
            progress.update(task, advance=1, faults=faults)
    console.print(_table(outcomes))
    if options.record:
        text, mark, _ = options.record.read_text().partition(_MARK)
        options.record.write_text(f"{text}{mark}\n\n{_markdown(outcomes)}")
    return 1 if faults else 0


def _rows(outcomes: dict[str, Counter[str]]) -> list[list[str]]:
    kinds = sorted({kind for counts in outcomes.values() for kind in counts})
    rows = [["outcome", *kinds, "total"]]
    for outcome, counts in sorted(outcomes.items()):
        rows.append([outcome, *(str(counts[kind]) for kind in kinds), str(counts.total())])
    sums = [sum(counts[kind] for counts in outcomes.values()) for kind in kinds]
    return [*rows, ["total", *map(str, sums), str(sum(sums))]]


def _table(outcomes: dict[str, Counter[str]]) -> Table:
    head, *rows = _rows(outcomes)
    table = Table(box=box.SIMPLE)
    for number, name in enumerate(head):
        table.add_column(name, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def _markdown(outcomes: dict[str, Counter[str]]) -> str:
    head, *rows = _rows(outcomes)
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    raise SystemExit(main())
