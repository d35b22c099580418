# SPDX-License-Identifier: MIT
"""galago import: a model of another program in, a model directory out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from galago.cli.model import describe, show_import

if TYPE_CHECKING:
    from galago.pictures import Resize


def import_model(
    file: Annotated[
        Path,
        typer.Argument(
            help="A .tflite, .keras, .h5, .onnx, SavedModel folder, or an export of Teachable Machine or "
            "Edge Impulse: zip, folder or C array."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="The model directory to write.")],
    labels: Annotated[
        Path | None,
        typer.Option(help="The names of the classes, one per line.  [default: those beside the model]"),
    ] = None,
    calibrate: Annotated[
        Path | None,
        typer.Option(metavar="PHOTOS", help="A folder of typical photos; a float model needs it."),
    ] = None,
    input_range: Annotated[
        str | None,
        typer.Option(
            metavar="RANGE",
            help="What the network takes for pixels: 0..255, 0..1, -1..1 or imagenet.  [default: found]",
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="The model's name.  [default: that of FILE]")] = None,
    output: Annotated[
        str | None, typer.Option(help="Which output to use if there are several: its name or number.")
    ] = None,
    resize: Annotated[
        str, typer.Option(help="How a photo is resized to the input: crop, stretch or pad.")
    ] = "crop",
    encoding: Annotated[
        str | None,
        typer.Option(help="The encoding of the labels, if it is not Unicode: latin-1 for example."),
    ] = None,
) -> None:
    """Bring a model of another program: it becomes a model directory that every verb takes.

    What the file is and how it was read is printed. Nothing in it is executed. Float models, Keras and ONNX
    files are calibrated on photos and need the extra `import`; in a clone: pip install -e '.[import]'.
    """
    from galago import importer
    from galago.cli.output import Console
    from galago.pictures import check_resize

    check_resize(resize)
    options = importer.Options(name, labels, encoding, calibrate, input_range, output, cast("Resize", resize))
    with Console(stderr=True).status(f"{file}: importing"):
        done = importer.import_model(file, out, options, warn=lambda text: typer.echo(text, err=True))
    show_import(done)
    print(describe(done.model))
