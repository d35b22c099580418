# SPDX-License-Identifier: MIT
"""galago zoo: MobileNets that know ImageNet's thousand classes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console


def zoo(
    name: Annotated[str | None, typer.Argument(help="The model to build; without it, a list.")] = None,
    calibrate: Annotated[
        Path | None, typer.Option(metavar="PHOTOS", help="Typical photos.  [default: standard photos]")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(metavar="FILE", help="ImageNet's 1000 names.  [default: Keras's]")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="Where to.  [default: Galago's cache]")
    ] = None,
) -> None:
    """List the pretrained models, or build one into a model directory.

    Weights are those of keras.applications, downloaded once. `galago classify --model NAME` builds one at its
    first use. Needs the extra `train` (pip install 'galago[train]').
    """
    from rich.console import Console

    from galago import zoo as animals

    console = Console(highlight=False)
    if name is None:
        _list(console)
        return
    with Console(stderr=True).status(name) as status:
        model = animals.build(name, lambda text: status.update(text), calibrate, out, labels)
    if calibrate is None:
        typer.echo(f"{name}: {animals.STANDARD}", err=True)
    contract = model.contract
    print(
        f"{model.path}: {len(model.labels)} classes, {contract['files']['tflite']['bytes']:,} bytes, "
        f"{contract['macs']:,} MACs, arena {contract['arena_bytes']:,} bytes"
    )


def _list(console: "Console") -> None:
    from rich.table import Table

    from galago import zoo as animals
    from galago.fit.variants import Variant

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("model", "file", "multiplications", "state"):
        table.add_column(title, justify="left" if title in ("model", "state") else "right")
    for name in animals.names():
        architecture, alpha, size = animals.parts(name)
        variant = Variant(architecture, alpha, size, (1000,))
        state = "weights here" if animals.here(name) else "[dim]-[/dim]"
        state = "built" if animals.place(name).is_dir() else state
        table.add_row(name, f"{variant.weights / 1e6:.1f} MB", f"{variant.macs / 1e6:,.0f} M", state)
    console.print(table)
    console.print("\ngalago zoo NAME builds one; weights that are not here are downloaded by Keras.")
