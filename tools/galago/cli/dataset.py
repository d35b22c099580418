# SPDX-License-Identifier: MIT
"""galago dataset: what a folder of photos contains."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from galago.cli.placeholders import name_values
from galago.cli.progress import progress_bar

if TYPE_CHECKING:
    from galago.cli.output import Console
    from galago.dataset.check import FolderCheck

app = typer.Typer(help="Check folders of photos.", no_args_is_help=True)
_MOST = 10  # lines of each kind that are shown


@app.callback()
def _dataset() -> None:
    """Check folders of photos."""


@app.command(short_help="Count the photos, and report those that are broken, blurred or there twice.")
def check(
    photos: Annotated[Path, typer.Argument(help="A folder with one sub-folder of photos per class.")],
    test: Annotated[
        Path | None,
        typer.Option(
            metavar="PHOTOS", help="Photos to measure on; none of them may be in the folder to train on."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Count the photos, and report broken and blurred ones, duplicates, and test photos that are trained on.

    Blurred photos have no sharp edge. Near-duplicates are found by a perceptual hash; within one class they
    are no problem: `galago train` keeps them together. Exit status: 0 if there is nothing to fix, 1 if there
    is.
    """
    from galago import dataset
    from galago.cli.output import Console
    from galago.dataset.check import check_folder

    count = len(dataset.from_subfolders(photos)) + (len(dataset.from_subfolders(test)) if test else 0)
    with progress_bar(Console(stderr=True)) as progress:
        task = progress.add_task("reading", total=count)
        result = check_folder(photos, test, lambda: progress.advance(task))
    if as_json:
        print(json.dumps(_as_dict(result), ensure_ascii=False))
    else:
        _show(Console(highlight=False), result)
    if result.problems:
        raise typer.Exit(1)


name_values(check)


def _as_dict(result: "FolderCheck") -> dict:
    pairs = {
        kind: [[str(a), str(b)] for a, b in getattr(result, kind)]
        for kind in ("duplicates", "contradictions", "leaks")
    }
    lines = {"broken": result.broken, "blurred": [str(path) for path in result.blurred]}
    return {"counts": result.counts, **lines, "ignored": result.ignored, **pairs}


def _show(console: "Console", result: "FolderCheck") -> None:
    import numpy as np
    from rich.markup import escape
    from rich.table import Table

    table = Table("class", "photos", box=None, header_style="bold", pad_edge=False)
    for name, count in result.counts.items():
        hint = "no readable photo" if not count else "few" if count < 10 else ""
        table.add_row(name, f"{count}", f"[yellow]{hint}[/yellow]")
    console.print(table)
    if len(result.sides):
        least, middle, most = np.quantile(result.sides, [0, 0.5, 1]).astype(int)
        console.print(f"\nshorter side: {least} to {most} pixels, half of them {middle} or more")
    for line in result.ignored:
        console.print(f"[yellow]{escape(line)}[/yellow]", soft_wrap=True)
    if len(result.counts) < 2:
        console.print("[red]there is only one class: training needs two[/red]")
    _list(console, "red", "cannot be read", result.broken)
    _list(console, "red", "in both the training and the test photos", [f"{a} = {b}" for a, b in result.leaks])
    _list(
        console,
        "red",
        "look alike but are in different classes",
        [f"{a} = {b}" for a, b in result.contradictions],
    )
    _list(console, "yellow", "blurred", [str(path) for path in result.blurred])
    _list(console, "yellow", "near-duplicates within a class", [f"{a} = {b}" for a, b in result.duplicates])
    if not result.problems:
        console.print("[green]nothing to fix[/green]")


def _list(console: "Console", color: str, what: str, lines: list[str]) -> None:
    if not lines:
        return
    console.print(f"\n[{color}]{len(lines)} {what}[/{color}]")
    for line in lines[:_MOST]:
        console.print(f"  {line}", markup=False, soft_wrap=True)
    if len(lines) > _MOST:
        console.print(f"  and {len(lines) - _MOST} more")
