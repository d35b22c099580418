# SPDX-License-Identifier: MIT
"""galago fit: whether a model runs on a board, before anything is flashed."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from galago.cli.classify import DEFAULT_MODEL

if TYPE_CHECKING:
    from rich.table import Table

    from galago.fit import Fit, Needs, Use

_BAR = 40  # characters that stand for all there is
_TIGHT = 0.9  # a share from which a bar is no longer green
_WHERE = {
    "in place": "in place, in the ROMFS where galago flash puts them",
    "RAM": "copied to RAM",
    "streamed": "streamed: read from the file system at each use",
}
_KERNELS = {
    "native": "native: machine code that galago flash makes for this model",
    "viper": "viper",
}
_JPEG = {
    True: "decoded on the board, up to 640 x 480",
    False: "no room to decode: send BMP, or use galago classify, which converts",
}


def fit(
    model: Annotated[
        str, typer.Argument(help="A shipped model's name, or a model directory.")
    ] = DEFAULT_MODEL,
    board: Annotated[
        str | None, typer.Option(help="A board's id, or a path that ends in .toml; without it, all boards.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per board.")] = False,
) -> None:
    """Say whether a model fits a board: files, memory, where the weights will be, and the estimated time.

    Arithmetic on what is known of the boards; none is needed. Where a model does not fit, the largest
    MobileNet below it that does is named. Exit status: 0 it fits, or all boards were shown, 1 it does not.
    """
    from galago import boards
    from galago.fit import Needs, judge, suggest
    from galago.models import find

    chosen = [boards.load(board)] if board else boards.all()
    needs = Needs.of(find(model))
    results = [judge(needs, each) for each in chosen]
    instead = [None if result.fits else suggest(needs, result.board) for result in results]
    if as_json:
        for result, other in zip(results, instead, strict=True):
            print(json.dumps(_as_dict(result, other), ensure_ascii=False))
    elif board:
        _show_page(results[0], instead[0])
    else:
        _show_table(needs, results, instead)
    if board and not results[0].fits:
        raise typer.Exit(1)


def _as_dict(result: "Fit", instead: "Needs | None") -> dict[str, Any]:
    seconds = dict(zip(("least", "estimate", "most"), result.seconds, strict=True))
    return {
        "board": result.board.id,
        "model": result.needs.name,
        "fits": result.fits,
        "problem": result.problem or None,
        "kernels": result.kernels if result.fits else None,
        "weights": result.weights if result.fits else None,
        "filesystem": result.filesystem._asdict(),
        "romfs": result.romfs._asdict(),
        "heap": {"size": result.board.heap, "used": result.heap, "loading": result.loading},
        "jpeg": result.fits and result.jpeg,
        "seconds": seconds if result.heap else None,
        "suggestion": instead.name if instead else None,
    }


def _show_table(needs: "Needs", results: list["Fit"], instead: list["Needs | None"]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    macs = sum(needs.macs.values())
    console.print(
        f"[bold]{needs.name}[/bold]: {needs.tflite / 1000:.0f} kB, {macs / 1e6:.1f} M multiplications, "
        f"arena {needs.plan.arena / 1000:.0f} kB\n"
    )
    fitting = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("fits", "weights", "files", "heap", "time"):
        fitting.add_column(title, justify="left" if title in ("fits", "weights") else "right", no_wrap=True)
    others = Table("does not fit", "because", box=None, header_style="bold", pad_edge=False)
    for result, other in zip(results, instead, strict=True):
        board = result.board
        if result.fits:
            heap = sum(result.heap.values()) / board.heap
            files = result.filesystem.used / result.filesystem.size
            how = f"[green]{result.weights}[/green]"
            fitting.add_row(board.id, how, f"{files:.0%}", f"{heap:.0%}", _time(result))
        else:
            hint = f"; {other.name} fits" if other else ""
            others.add_row(board.id, f"[dim]{result.problem}{hint}[/dim]")
    console.print(fitting, "", others)
    console.print(f"\n[dim]{_notes()}[/dim]", soft_wrap=True)


def _show_page(result: "Fit", instead: "Needs | None") -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False)
    board, needs = result.board, result.needs
    verdict = "[green]fits[/green]" if result.fits else "[red]does not fit[/red]"
    title = f"[bold]{escape(board.id)}[/bold], {escape(board.name)}"
    console.print(f"[bold]{needs.name}[/bold] {verdict} {title}\n")
    if result.heap:
        console.print(_bars(result), "")
    if result.fits:
        least, seconds, most = map(_milliseconds, result.seconds)
        reading = ", and reading the weights on top" if result.weights == "streamed" else ""
        console.print(f"weights  {_WHERE[str(result.weights)]}")
        console.print(f"kernels  {_KERNELS[result.kernels]}")
        console.print(f"time     {seconds} per picture, {least} to {most}{reading}")
        console.print(f"JPEG     {_JPEG[result.jpeg]}")
    else:
        console.print(result.problem)
        if instead:
            console.print(f"[green]{instead.name}[/green] with the same classes fits")
        elif result.heap:
            console.print("no smaller MobileNet of its kind fits either")
    if result.heap:
        if board.sources["heap"].startswith("estimate"):
            console.print("The size of this board's heap is itself an estimate.")
        console.print(f"\n[dim]{_notes()}[/dim]", soft_wrap=True)


def _bars(result: "Fit") -> "Table":
    from rich.table import Table

    from galago.fit import Use

    table = Table(box=None, show_header=False, pad_edge=False)
    heap = Use(sum(result.heap.values()), result.board.heap)
    for name, use in (("file system", result.filesystem), ("ROMFS", result.romfs), ("heap", heap)):
        if use.size:
            table.add_row(name, _bar(use), f"{use.used:,} of {use.size:,} bytes")
    for name, size in result.heap.items():
        table.add_row(f"  {name}", "", f"{size:,}", style="dim")
    table.add_row("  at most, while it loads", "", f"{result.loading:,}", style="dim")
    return table


def _bar(use: "Use") -> str:
    share = use.used / use.size
    full = min(_BAR, round(share * _BAR))
    color = "red" if share > 1 else "yellow" if share > _TIGHT else "green"
    return f"[{color}]{'█' * full}[/{color}][dim]{'░' * (_BAR - full)}[/dim]"


def _time(result: "Fit") -> str:
    reading = " + reading" if result.weights == "streamed" else ""
    return f"{_milliseconds(result.seconds[1])}{reading}"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _notes() -> str:
    from galago.fit import FASTER, SLOWER

    return (
        "Estimates, not measurements. Time: counted instructions x cycles per instruction / clock, right "
        f"within {FASTER:g} to {SLOWER:g} times; galago bench --port measures. Sources: galago boards ID."
    )
