# SPDX-License-Identifier: MIT
"""galago train: a recipe in, model directory out."""

from pathlib import Path
from typing import Annotated

import typer


def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe.toml, as in models/*.")],
    data: Annotated[Path, typer.Option(metavar="DIR", help="The folder that holds the recipe's photos.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="The model directory to make.")],
    keep: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also save the float network, as .keras.")
    ] = None,
) -> None:
    """Train a small MobileNet as a recipe says, quantize it and write its model directory.

    Needs the extra `train` (pip install 'galago[train]') and the ImageNet weights of keras.applications.
    """
    from rich.console import Console

    from galago import quantize
    from galago import train as training

    console = Console(stderr=True, highlight=False, markup=False)
    wanted = training.read_recipe(recipe)
    trained = training.run(wanted, data, say=console.print)
    if keep is not None:
        trained.network.save(keep)
    model = quantize.build(
        trained.network,
        data / wanted.calibrate,
        out,
        name=wanted.name,
        labels=list(wanted.classes),
        unknown_below=trained.unknown_below,
        extra={"architecture": wanted.architecture, "alpha": wanted.alpha},
        warn=console.print,
    )
    console.print(f"{model.path}: {model.contract['files']['tflite']['bytes']:,} bytes")
