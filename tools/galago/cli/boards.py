# SPDX-License-Identifier: MIT
"""galago boards: what is known about each board."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from galago.boards import BoardSpec, Camera
    from galago.cli.output import Console
    from galago.cli.tables import Column
    from galago.fit import Requirements, Verdict

_SIZES = ("ram", "heap", "largest_block", "psram", "flash", "filesystem", "romfs")


def boards(
    board: Annotated[
        str | None, typer.Argument(metavar="ID", help="A board's id, or a path that ends in .toml.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Only the boards that this model fits: a shipped model, a directory or a file."),
    ] = None,
    camera: Annotated[bool, typer.Option("--camera", help="Only the boards that have a camera.")] = False,
) -> None:
    """List the boards and the shipped models that fit them, or one board and the sources of its figures."""
    from galago import boards as known
    from galago import models
    from galago.cli.model import open_model
    from galago.cli.output import Console
    from galago.fit import Requirements

    if board and (model or camera):
        raise typer.BadParameter("--model and --camera choose boards from the list: leave out the ID")
    chosen = known.load(board) if board else None
    console = Console(highlight=False)
    shown = [open_model(model)] if model else [models.find(name) for name in models.shipped_names()]
    requirements = [Requirements.of(each) for each in shown]
    if chosen:
        _show_page(console, chosen, requirements)
    else:
        listed = [each for each in known.all() if each.camera or not camera]
        _show_list(console, listed, requirements, only_fitting=bool(model))


def _show_list(
    console: "Console", boards: list["BoardSpec"], models: list["Requirements"], *, only_fitting: bool
) -> None:
    from galago.cli import tables
    from galago.cli.progress import with_progress
    from galago.errors import GalagoError
    from galago.fit import check

    checked = [
        (board, [check(requirements, board) for requirements in models])
        for board in with_progress(boards, "calculating")
    ]
    if only_fitting:
        checked = [(board, row) for board, row in checked if any(verdict.fits for verdict in row)]
    if not checked:
        name = models[0].name
        raise GalagoError(
            "board.none", f"none of {len(boards)} boards fits {name}: `galago fit {name}` says why"
        )
    verdicts = [row for _, row in checked]
    known, fitting = _figures([board for board, _ in checked]), _verdict_columns(models, verdicts)
    if tables.width_of([known[0], *fitting]) > console.width:
        fitting = [_count_column(verdicts)]
    console.print(tables.table(tables.choose([*known, *fitting], console.width)))
    console.print(
        "\n[dim]The weights of a model that fits are used in place (in a ROMFS), in RAM, or streamed from "
        "the file system. `galago fit MODEL` explains why a model does not fit, and estimates its time; "
        "`galago boards ID` shows one board.[/dim]"
    )


def _figures(boards: list["BoardSpec"]) -> list["Column"]:
    from galago.cli.tables import Column

    return [
        Column("board", [board.id for board in boards]),
        Column("processor", [board.mcu for board in boards], rank=4),
        Column("architecture", [board.arch if board.kernels else "" for board in boards], rank=7),
        Column("MHz", [f"{board.clock_hz / 1e6:.0f}" for board in boards], rank=3, right=True),
        Column("heap", [_size(board.heap) for board in boards], rank=1, right=True),
        Column("files", [_size(board.filesystem) for board in boards], rank=2, right=True),
        Column("ROMFS", [_size(board.romfs) for board in boards], rank=5, right=True),
        Column("PSRAM", [_size(board.psram) for board in boards], rank=6, right=True),
        Column("camera", [board.camera.sensor if board.camera else "" for board in boards], rank=8),
    ]


def _verdict_columns(shipped: list["Requirements"], verdicts: list[list["Verdict"]]) -> list["Column"]:
    """Where the weights of each model would be, or "no"."""
    from galago.cli.tables import Column

    return [
        Column(
            requirements.name.replace("-", "\n", 1),
            [str(row[index].weights) if row[index].fits else "no" for row in verdicts],
            styles=["green" if row[index].fits else "dim" for row in verdicts],
        )
        for index, requirements in enumerate(shipped)
    ]


def _count_column(verdicts: list[list["Verdict"]]) -> "Column":
    """How many of the models fit, for windows that are too narrow to show each."""
    from galago.cli.tables import Column

    counts = [sum(verdict.fits for verdict in row) for row in verdicts]
    return Column(
        "models fit",
        [f"{count} of {len(row)}" for count, row in zip(counts, verdicts, strict=True)],
        styles=["green" if count else "dim" for count in counts],
    )


def _show_page(console: "Console", board: "BoardSpec", shipped: list["Requirements"]) -> None:
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    from galago.cli.tables import wrap

    console.print(f"[bold]{escape(board.id)}[/bold]  {escape(board.name)}\n")
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column()
    rows = {
        "mcu": board.mcu,
        "core": board.core,
        "arch": board.arch,
        "clock_hz": f"{board.clock_hz / 1e6:g} MHz",
        "cycles_per_instruction": f"{board.cycles_per_instruction:g}",
        **{key: f"{size:,} B" for key in _SIZES if (size := getattr(board, key))},
        "kernels": ", ".join(board.kernels) or "none",
        "backends": ", ".join(board.backends),
        "firmware": board.image_page,
        "install_with": ", ".join(board.install_with),
        "mount": board.mount,
        "led": board.led or "none",
        "display": board.display or "none",
        "camera": _camera(board.camera) if board.camera else "none",
    }
    room = console.width - max(map(len, rows)) - 2
    for key, text in rows.items():
        table.add_row(key, Text(wrap(text, room)))
        if source := board.sources.get(key):
            table.add_row("", Text(wrap(source, room), "dim"))
    console.print(table)
    if shipped:
        console.print("\nShipped models in the built-in engine:\n")
        console.print(_shipped_models(board, shipped))


def _camera(camera: "Camera") -> str:
    lines = [f"{camera.sensor}, read by module {camera.module}"]
    if camera.firmware:
        lines.append(f"needs {camera.firmware}")
    lines += [
        f"{signal} {' '.join(map(str, pin)) if isinstance(pin, list) else pin}"
        for signal, pin in camera.pins.items()
    ]
    return "\n".join(lines)


def _shipped_models(board: "BoardSpec", shipped: list["Requirements"]) -> "Table":
    from rich.table import Table

    from galago.fit import check

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    for requirements in shipped:
        verdict = check(requirements, board)
        if verdict.fits:
            least, seconds, most = verdict.seconds
            time = f"about {seconds:.2f} s per picture, {least:.2f} to {most:.2f}"
            table.add_row(requirements.name, f"[green]{verdict.weights}[/green]", time)
        else:
            table.add_row(requirements.name, "[red]no[/red]", verdict.problem)
    return table


def _size(size: int) -> str:
    """A short form of a number of bytes, such as 215K or 8.4M, where K is 1,024; empty for 0."""
    if size >= 1 << 20:
        return f"{size / (1 << 20):.1f}M"
    return f"{size / 1024:.0f}K" if size else ""
