# SPDX-License-Identifier: MIT
"""galago flash: a board that classifies by itself at boot."""

from typing import Annotated

import typer

from galago.cli.classify import DEFAULT_MODEL
from galago.cli.connection import PortOption, connected, install
from galago.errors import GalagoError


def flash(
    model: Annotated[
        str, typer.Argument(help="A shipped model's name, or a model directory.")
    ] = DEFAULT_MODEL,
    port: PortOption = None,
    folder: Annotated[
        str, typer.Option(help="The folder on the board whose pictures to classify.")
    ] = "/pictures",
    top: Annotated[int, typer.Option(min=1, help="How many classes to report for each picture.")] = 1,
) -> None:
    """Put a model on a board, and main.py that classifies at boot what lies in a folder of the board.

    Only what differs is uploaded; galago.json, which switches to the new model, is written last.
    """
    from galago.flash import boot_files, device_package, model_files
    from galago.models import find

    if not port:
        raise GalagoError(
            "usage", "wanted the port of a board: give --port, `mpremote connect list` shows them"
        )
    directory = find(model)
    with connected(port, None) as (device, place):
        files = device_package(device) | model_files(directory) | boot_files(device, directory, folder, top)
        install(device, files, f"{directory.name} on {place}")
        device.makedirs(folder)
    print(f"{directory.name} runs at boot: copy pictures to :{folder}, then mpremote connect {port} reset")
