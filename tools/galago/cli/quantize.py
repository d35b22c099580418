# SPDX-License-Identifier: MIT
"""galago quantize: Keras model in, model directory out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from galago.errors import GalagoError

if TYPE_CHECKING:
    from galago.pictures import Resize


def quantize(
    keras_model: Annotated[Path, typer.Argument(help="A .keras or .h5 file; it takes (pixel - 128) / 128.")],
    calibrate: Annotated[Path, typer.Option(metavar="PHOTOS", help="A folder of typical photos.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="The model directory to make.")],
    labels: Annotated[
        Path | None,
        typer.Option(help="A text file, one class per line.  [default: the sub-folders of PHOTOS]"),
    ] = None,
    name: Annotated[str | None, typer.Option(help="The model's name.  [default: the name of DIR]")] = None,
    resize: Annotated[
        str, typer.Option(help="How a photo becomes the input: crop, stretch or pad.")
    ] = "crop",
    unknown_below: Annotated[
        float, typer.Option(min=0, max=1, help="Confidence below which an answer is 'unknown'.")
    ] = 0.0,
    keep_float: Annotated[
        bool, typer.Option("--float", help="Keep the float model and the photos too: a K230 needs them.")
    ] = False,
) -> None:
    """Quantize a Keras model to int8 and write its model directory.

    The photos calibrate the ranges; one that cannot be read is named and skipped. Needs the extra `train`
    (pip install 'galago[train]').
    """
    from rich.console import Console

    from galago import quantize as quantizing

    console = Console(stderr=True)
    names = None
    if labels is not None:
        if not labels.is_file():
            raise GalagoError("model.labels", f"no file {labels}: give a text file with one class per line")
        names = [line.strip() for line in labels.read_text(errors="replace").splitlines() if line.strip()]
    with console.status("quantizing"):
        model = quantizing.build(
            keras_model,
            calibrate,
            out,
            name=name or out.resolve().name,
            labels=names,
            resize=cast("Resize", resize),
            unknown_below=unknown_below,
            keep_float=keep_float,
            warn=lambda text: console.print(text, markup=False, highlight=False),
        )
    contract = model.contract
    print(
        f"{model.path}: {len(model.labels)} classes, {contract['files']['tflite']['bytes']:,} bytes, "
        f"{contract['macs']:,} MACs, arena {contract['arena_bytes']:,} bytes"
    )
