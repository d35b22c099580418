# SPDX-License-Identifier: MIT
"""galago quantize: a Keras model in, a model directory out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from galago.cli.model import describe

if TYPE_CHECKING:
    from galago.pictures import Resize


def quantize(
    keras_model: Annotated[
        Path, typer.Argument(help="A .keras or .h5 file; its input is (pixel - 128) / 128.")
    ],
    calibrate: Annotated[Path, typer.Option(metavar="PHOTOS", help="A folder of typical photos.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="The model directory to write.")],
    labels: Annotated[
        Path | None,
        typer.Option(help="A text file, one class per line.  [default: the sub-folders of PHOTOS]"),
    ] = None,
    name: Annotated[str | None, typer.Option(help="The model's name.  [default: the name of DIR]")] = None,
    resize: Annotated[
        str, typer.Option(help="How a photo is resized to the input: crop, stretch or pad.")
    ] = "crop",
    unknown_below: Annotated[
        float, typer.Option(min=0, max=1, help="The confidence below which the answer is 'unknown'.")
    ] = 0.0,
    keep_float: Annotated[
        bool, typer.Option("--float", help="Also keep the float model and the photos, which a K230 needs.")
    ] = False,
) -> None:
    """Quantize a Keras model to int8 and write its model directory.

    The photos calibrate the ranges of the activations; a photo that cannot be read is reported and skipped.
    Needs the extra `train`; in a clone: pip install -e '.[train]'.
    """
    from galago import labels as label_files
    from galago import quantize as quantizing
    from galago.cli.output import Console

    console = Console(stderr=True)
    names = label_files.read(labels) if labels is not None else None
    with console.status("quantizing"):
        info = quantizing.ModelInfo(name or out.resolve().name, names, cast("Resize", resize), unknown_below)
        model = quantizing.build(
            keras_model,
            calibrate,
            out,
            info,
            keep_float=keep_float,
            warn=lambda text: console.print(text, markup=False, highlight=False),
        )
    print(describe(model))
