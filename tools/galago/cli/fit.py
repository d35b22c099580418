# SPDX-License-Identifier: MIT
"""galago fit: whether a model runs on a board, before anything is flashed."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from galago.cli.model import DEFAULT_MODEL, MODEL_HELP, open_model

if TYPE_CHECKING:
    from rich.table import Table

    from galago.cli.output import Console
    from galago.fit import Requirements, Use, Verdict

_BAR, _SHORTEST_BAR = 40, 8  # characters that stand for the whole size
_TIGHT = 0.9  # a share from which a bar is no longer green
_WEIGHTS = {
    "in place": "in place, in the ROMFS where galago flash puts them",
    "RAM": "copied to RAM",
    "streamed": "streamed: read from the file system at each use",
}
_KERNELS = {
    "native": "native: machine code that galago flash generates for this model",
    "viper": "viper",
}
_JPEG = {
    True: "decoded on the board, up to 640 x 480",
    False: "no room to decode it: send BMP, or use galago classify, which converts",
}


def fit(
    model: Annotated[str, typer.Argument(help=MODEL_HELP)] = DEFAULT_MODEL,
    board: Annotated[
        str | None, typer.Option(help="A board's id, or a path that ends in .toml.  [default: all boards]")
    ] = None,
    card: Annotated[bool, typer.Option("--card", help="The model lies on an SD card.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per board.")] = False,
) -> None:
    """Check whether a model fits a board: files, memory, where its weights go, and its estimated time.

    This is arithmetic on the known figures of the boards; no board is needed. If a model does not fit, the
    largest smaller MobileNet that does is named, and whether the model fits with an SD card. Exit status: 0
    if it fits or all boards were listed, 1 if it does not fit.
    """
    from galago import boards
    from galago.cli.progress import with_progress
    from galago.fit import Requirements, check, suggest

    chosen = [boards.load(board)] if board else boards.all()
    requirements = Requirements.of(open_model(model))
    results = []
    for each in with_progress(chosen, "calculating"):
        verdict = check(requirements, each, card)
        results.append((verdict, None if verdict.fits else suggest(requirements, each, card)))
    if as_json:
        for verdict, smaller in results:
            print(json.dumps(_as_dict(verdict, smaller), ensure_ascii=False))
    elif board:
        ((verdict, smaller),) = results
        helps = not card and not verdict.fits and check(requirements, chosen[0], card=True).fits
        _show_page(verdict, smaller, helps)
    else:
        _show_list(requirements, results)
    if board and not results[0][0].fits:
        raise typer.Exit(1)


def _as_dict(verdict: "Verdict", smaller: "Requirements | None") -> dict[str, Any]:
    seconds = dict(zip(("least", "estimate", "most"), verdict.seconds, strict=True))
    return {
        "board": verdict.board.id,
        "model": verdict.requirements.name,
        "fits": verdict.fits,
        "problem": verdict.problem or None,
        "kernels": verdict.kernels if verdict.fits else None,
        "weights": verdict.weights if verdict.fits else None,
        "filesystem": verdict.filesystem._asdict(),
        "romfs": verdict.romfs._asdict(),
        "card": verdict.card,
        "heap": {"size": verdict.board.heap, "used": verdict.heap, "loading": verdict.loading},
        "jpeg": verdict.fits and verdict.jpeg,
        "seconds": seconds if verdict.heap else None,
        "suggestion": smaller.name if smaller else None,
    }


def _show_list(requirements: "Requirements", results: list[tuple["Verdict", "Requirements | None"]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from galago.cli.output import Console

    console = Console(highlight=False)
    network = requirements.network
    console.print(
        f"[bold]{requirements.name}[/bold]: {network.size / 1000:.0f} kB, "
        f"{sum(network.macs.values()) / 1e6:.1f} M MACs, arena {network.plan.arena / 1000:.0f} kB\n"
    )
    fitting = [verdict for verdict, _ in results if verdict.fits]
    if fitting:
        _show_fitting(console, fitting)
    others = Table(box=None, header_style="bold", pad_edge=False)
    others.add_column("does not fit", no_wrap=True)
    others.add_column("because")
    for verdict, smaller in results:
        if not verdict.fits:
            hint = f"; {smaller.name} fits" if smaller else ""
            others.add_row(verdict.board.id, Text(verdict.problem + hint, "dim"))
    if others.row_count:
        console.print(others, "")
    console.print(f"[dim]{_notes()}[/dim]")


def _show_fitting(console: "Console", fitting: list["Verdict"]) -> None:
    from galago.cli.tables import Column, choose, table, width_of

    heap = [f"{sum(verdict.heap.values()) / verdict.board.heap:.0%}" for verdict in fitting]
    files = [f"{verdict.filesystem.used / verdict.filesystem.size:.0%}" for verdict in fitting]
    times = [_milliseconds(verdict.seconds[1]) for verdict in fitting]
    streamed = [verdict.weights == "streamed" for verdict in fitting]
    whole = [time + " + reading" * more for time, more in zip(times, streamed, strict=True)]
    columns = [
        Column("fits", [verdict.board.id for verdict in fitting]),
        Column("weights", [str(verdict.weights) for verdict in fitting], styles=["green"] * len(fitting)),
        Column("files", files, rank=2, right=True),
        Column("heap", heap, rank=1, right=True),
        Column("time", whole, right=True),
    ]
    narrow = width_of(columns) > console.width
    if narrow:
        columns[-1] = Column("time", times, right=True)
    console.print(table(choose(columns, console.width)), "")
    if narrow and any(streamed):
        console.print("[dim]Where weights are streamed, the time to read them is not included.[/dim]\n")


def _show_page(verdict: "Verdict", smaller: "Requirements | None", card_helps: bool) -> None:
    from rich.markup import escape

    from galago.cli.output import Console

    console = Console(highlight=False)
    board, requirements = verdict.board, verdict.requirements
    result = "[green]fits[/green]" if verdict.fits else "[red]does not fit[/red]"
    title = f"[bold]{escape(board.id)}[/bold], {escape(board.name)}"
    console.print(f"[bold]{requirements.name}[/bold] {result} {title}\n")
    if verdict.heap:
        console.print(_bars(verdict, console.width), "")
    if verdict.fits:
        console.print(_explanations(verdict))
    else:
        console.print(verdict.problem)
        if smaller:
            console.print(f"[green]{smaller.name}[/green] with the same classes fits")
        elif verdict.heap:
            console.print("no smaller MobileNet of this architecture fits either")
        if card_helps:
            console.print("on an SD card it fits (docs/sd-cards.md): try --card")
    if verdict.heap:
        if board.sources["heap"].startswith("estimate"):
            console.print("The heap size of this board is itself an estimate.")
        console.print(f"\n[dim]{_notes()}[/dim]")


def _explanations(verdict: "Verdict") -> "Table":
    from rich.table import Table

    least, seconds, most = map(_milliseconds, verdict.seconds)
    reading = ", plus reading the weights" if verdict.weights == "streamed" else ""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("weights", _WEIGHTS[str(verdict.weights)])
    table.add_row("kernels", _KERNELS[verdict.kernels])
    table.add_row("time", f"{seconds} per picture, {least} to {most}{reading}")
    table.add_row("JPEG", _JPEG[verdict.jpeg])
    return table


def _bars(verdict: "Verdict", width: int) -> "Table":
    from rich.table import Table

    from galago.cli.tables import Column, width_of
    from galago.fit import Use

    heap = Use(sum(verdict.heap.values()), verdict.board.heap)
    uses = {"file system": verdict.filesystem, "ROMFS": verdict.romfs, "heap": heap}
    parts = {
        "file system": verdict.files,
        "heap": {**verdict.heap, "largest use while loading": verdict.loading},
    }
    rows: list[tuple[str, Use | None, str]] = []
    for name, use in uses.items():
        if use.size:
            rows.append((name, use, f"{use.used:,} of {use.size:,} bytes"))
            rows += [(f"  {part}", None, f"{size:,}") for part, size in parts.get(name, {}).items()]
    if verdict.card:
        rows.append(("SD card", None, f"{verdict.card:,} bytes"))
    without = width_of([Column("", [row[0] for row in rows]), Column("", [row[2] for row in rows])])
    bar = min(_BAR, width - without - 2)
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, use, text in rows:
        cells = [name, _bar(use, bar) if use else "", text]
        if bar < _SHORTEST_BAR:
            del cells[1]
        table.add_row(*cells, style="" if use else "dim")
    return table


def _bar(use: "Use", length: int) -> str:
    share = use.used / use.size
    full = min(length, round(share * length))
    color = "red" if share > 1 else "yellow" if share > _TIGHT else "green"
    return f"[{color}]{'█' * full}[/{color}][dim]{'░' * (length - full)}[/dim]"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _notes() -> str:
    from galago.fit import FASTER, SLOWER

    return (
        "Each file takes whole blocks, of 4,096 bytes, or of 512 on a FAT; an update needs room for what it "
        "replaces as well. "
        "These are estimates, not measurements. Time is counted instructions x cycles per instruction / "
        f"clock; it is right within {FASTER:g} to {SLOWER:g} times, and `galago bench --port` measures it. "
        "`galago boards ID` shows the sources."
    )
