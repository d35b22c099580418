# SPDX-License-Identifier: MIT
"""galago zoo: MobileNets pretrained on ImageNet's thousand classes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from galago.cli.model import describe

if TYPE_CHECKING:
    from galago.cli.output import Console


def zoo(
    name: Annotated[
        str | None, typer.Argument(help="The model to build; without it, all models are listed.")
    ] = None,
    calibrate: Annotated[
        Path | None,
        typer.Option(
            metavar="PHOTOS", help="Typical photos for the calibration.  [default: standard photos]"
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A text file with the names of ImageNet's 1000 classes.  [default: Keras's]"
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="DIR", help="The model directory to write.  [default: in Galago's cache]"
        ),
    ] = None,
) -> None:
    """List the pretrained models, or build one into a model directory.

    The weights are those of keras.applications, which Keras downloads once. Every verb that takes a model
    also takes the names listed here, and builds the model when it is first used. Needs the extra `train`; in
    a clone: pip install -e '.[train]'.
    """
    from galago import zoo as pretrained
    from galago.cli.output import Console

    console = Console(highlight=False)
    if name is None:
        _list(console)
        return
    pretrained.parts(name)  # a wrong name is refused before TensorFlow is imported
    with Console(stderr=True).status(name) as status:
        from galago.zoo import building

        model = building.build(name, lambda text: status.update(text), calibrate, out, labels)
    if calibrate is None:
        typer.echo(f"{name}: {pretrained.STANDARD}", err=True)
    print(describe(model))


def _list(console: "Console") -> None:
    from rich.table import Table

    from galago import zoo as pretrained
    from galago.fit.variants import Variant

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("model", "file", "MACs", "state"):
        table.add_column(title, justify="left" if title in ("model", "state") else "right")
    for name in pretrained.names():
        architecture, alpha, size = pretrained.parts(name)
        variant = Variant(architecture, alpha, size, (1000,))
        state = "weights downloaded" if pretrained.has_weights(name) else "[dim]-[/dim]"
        state = "built" if pretrained.cache_path(name).is_dir() else state
        table.add_row(name, f"{variant.weights / 1e6:.1f} MB", f"{variant.macs / 1e6:,.0f} M", state)
    console.print(table)
    console.print("\ngalago zoo NAME builds one; missing weights are downloaded by Keras.")
