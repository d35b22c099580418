# SPDX-License-Identifier: MIT
"""galago doctor: what a board is, what runs on it, what is wrong and how to fix it."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from galago.cli.connection import BoardOption, PortOption, reached
from galago.cli.model import DEFAULT_MODEL, open_model

if TYPE_CHECKING:
    from galago.cli.output import Console
    from galago.doctor import Report


def doctor(
    port: PortOption = None,
    board: BoardOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Examine a board: firmware, memory, runtimes, camera, model, golden pictures, speed; report problems.

    Nothing on the board is changed. An emulated board is new each time, so it gets the default model first.
    Exit status: 0 if there is no problem, 1 if there is one.
    """
    from galago.cli.output import Console

    report = examined(port, board)
    if as_json:
        print(json.dumps(report.as_dict(), ensure_ascii=False))
    else:
        show(report, Console(highlight=False, soft_wrap=True))
    if report.problems:
        raise typer.Exit(1)


def examined(port: str | None, board: str | None) -> "Report":
    """The report on a board. A board that cannot be reached is a problem like any other."""
    from galago import transport
    from galago.doctor import Report, board_check, host_check
    from galago.errors import GalagoError

    report = Report(port=port or "PORT", model=DEFAULT_MODEL)
    host_check.examine(report, port)
    try:
        with reached(port, board) as name:
            if port is None:
                _equip(report, name)
            with transport.connect(name) as connection:
                board_check.examine(report, connection)
    except GalagoError as error:
        if error.code in ("usage", "board.unknown", "board.invalid"):
            raise
        report.failure(error)
    return report


def _equip(report: "Report", port: str) -> None:
    from galago.errors import GalagoError
    from galago.flash.install import InstallOptions, install

    try:
        install(port, InstallOptions(model=open_model(DEFAULT_MODEL)))
    except GalagoError as error:
        report.failure(error)


def show(report: "Report", console: "Console") -> None:
    """Prints the facts under their headings, then the problems, each with its fix."""
    from rich.table import Table
    from rich.text import Text

    for heading, facts in report.facts.items():
        console.print(f"[bold]{heading}[/bold]")
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 2))
        table.add_column(style="dim", no_wrap=True, width=20)
        table.add_column(overflow="fold")
        for name, value in facts.items():
            table.add_row(name, Text(str(value)))
        console.print(table)
    console.print("")
    if not report.problems:
        console.print("[green]no problems found[/green]")
    for number, problem in enumerate(report.problems, 1):
        # In a grid, what is too long for a line goes on below its beginning.
        lines = Table.grid(padding=(0, 1, 0, 0))
        lines.add_row(f"[red]{number}[/red]", Text(problem.what))
        lines.add_row("", Text.assemble(("→ ", "green"), problem.fix))
        console.print(lines)
