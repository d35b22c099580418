# SPDX-License-Identifier: MIT
"""galago inspect: a model and a picture in, the feature maps of each layer out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from galago.cli.model import MODEL_HELP, open_model
from galago.errors import GalagoError

if TYPE_CHECKING:
    from galago.models import ModelDirectory

_SHOWN = 10  # values of a layer without images


def inspect(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=MODEL_HELP)],
    picture: Annotated[
        Path, typer.Argument(metavar="PICTURE", help="Any picture that galago classify takes.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="Where to write the sheets, as PNG.")
    ] = None,
    layer: Annotated[
        int | None, typer.Option("--layer", metavar="N", help="Only this layer, from 1 on.")
    ] = None,
) -> None:
    """Show what each layer of a model sees in a picture: a sheet of feature maps, and the last values.

    The bytes are those of TensorFlow Lite Micro, which boards compute too. `galago export` shows them live.
    """
    from galago.inspect import look, sheet
    from galago.pictures import as_board

    directory = open_model(model)
    entry = directory.contract["input"]
    pixels = as_board(picture, *directory.input_shape, entry["resize"])
    found = look(directory.tflite.read_bytes(), directory.tensor(pixels.view("u1") ^ 128))
    total = len(found)
    if layer is not None:
        if not 1 <= layer <= total:
            raise GalagoError("config.invalid", f"expected --layer 1 to {total}, got {layer}")
        found = found[layer - 1 : layer]
    if out:
        out.mkdir(parents=True, exist_ok=True)
    for each in found:
        height, width, channels = each.maps.shape
        line = f"{each.number:>3}  {each.operator:<18} {height}x{width}x{channels}"
        if out and height * width > 1:
            file = out / f"{each.number:02}-{each.operator}.png"
            sheet(each).save(file)
            line += f"  {file}"
        typer.echo(line)
    if found[-1].maps.shape[:2] == (1, 1):
        _values(directory, found[-1].maps[0, 0].tolist(), last=found[-1].number == total)


def _values(model: "ModelDirectory", values: list[int], last: bool) -> None:
    """The largest values; those of the last layer with their meaning."""
    output, labels = model.contract["output"], model.labels
    for index in sorted(range(len(values)), key=lambda index: -values[index])[:_SHOWN]:
        line = f"number {index} is {values[index]}"
        if last:
            number = (values[index] - output["zero_point"]) * output["scale"]
            line += f", {number:.3f}"
            line += f": {labels[index]}" if len(labels) == len(values) else ""
        typer.echo(line)
