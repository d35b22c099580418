# SPDX-License-Identifier: MIT
"""galago inspect: a model and a picture in, the feature maps of each layer out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from galago.cli.connection import PortOption, installed
from galago.cli.model import MODEL_HELP, open_model
from galago.errors import GalagoError

if TYPE_CHECKING:
    import numpy as np

    from galago.inspect import Seen
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
    port: PortOption = None,
    board: Annotated[
        str | None, typer.Option(help="The board to emulate.  [default: none, this computer computes]")
    ] = None,
) -> None:
    """Show what each layer of a model sees in a picture: a sheet of feature maps, and the last values.

    The bytes are those of TensorFlow Lite Micro on this computer. With --port or --board they are the board's
    own, and compared with these. `galago export` shows them live. Exit status: 0, or 1 if a tensor of the
    board differs.
    """
    from galago.pictures import as_board
    from galago.tflite import summary

    directory = open_model(model)
    total = len(summary.layers(directory.tflite.read_bytes()))
    if layer is not None and not 1 <= layer <= total:
        raise GalagoError("config.invalid", f"expected --layer 1 to {total}, got {layer}")
    entry = directory.contract["input"]
    pixels = as_board(picture, *directory.input_shape, entry["resize"])
    found = _found(directory, directory.tensor(pixels.view("u1") ^ 128), layer, port, board)
    if out:
        out.mkdir(parents=True, exist_ok=True)
    for each in found:
        typer.echo(_line(each, out))
    last = found[-1].layer
    if last.maps.shape[:2] == (1, 1):
        _values(directory, last.maps[0, 0].tolist(), last=last.number == total)
    if any(each.differ for each in found):
        raise typer.Exit(1)


def _found(
    model: "ModelDirectory", tensor: "np.ndarray", number: int | None, port: str | None, board: str | None
) -> list["Seen"]:
    """The layers for an input, int8 [h, w, c], or one of them, from a board if one is named."""
    from galago.inspect import look, look_on_board

    if not (port or board):
        found = look(model.tflite.read_bytes(), tensor)
        return found if number is None else found[number - 1 : number]
    with installed(model, port, board, whole=True) as target:
        return look_on_board(target.device, model, tensor, number)


def _line(seen: "Seen", out: Path | None) -> str:
    """What is printed of a layer, whose sheet is written to the folder."""
    from galago.inspect import sheet

    layer = seen.layer
    height, width, channels = layer.maps.shape
    line = f"{layer.number:>3}  {layer.operator:<18} {f'{height}x{width}x{channels}':<11}"
    if seen.compared:
        part = "" if seen.compared == layer.maps.size else f", {seen.compared:,} of {layer.maps.size:,} bytes"
        line += f"  {seen.differ:,} of {seen.compared:,} bytes differ" if seen.differ else f"  equal{part}"
    if out and height * width > 1:
        file = out / f"{layer.number:02}-{layer.operator}.png"
        sheet(layer).save(file)
        line += f"  {file}"
    return line.rstrip()


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
