# SPDX-License-Identifier: MIT
"""galago flash: a board that classifies by itself at boot."""

from typing import Annotated

import typer

from galago.cli.classify import DEFAULT_MODEL
from galago.cli.connection import PortOption, carry_out, connected
from galago.errors import GalagoError


def flash(
    model: Annotated[
        str, typer.Argument(help="A shipped model's name, or a model directory.")
    ] = DEFAULT_MODEL,
    port: PortOption = None,
    source: Annotated[str, typer.Option(help="Where pictures come from: files, camera or host.")] = "files",
    folder: Annotated[
        str, typer.Option(help="The folder on the board whose pictures to classify.")
    ] = "/pictures",
    loop: Annotated[bool, typer.Option(help="Start again after the last picture.")] = False,
    top: Annotated[int, typer.Option(min=1, help="How many classes to report for each picture.")] = 1,
    interval: Annotated[float, typer.Option(min=0, help="Seconds between pictures.")] = 0,
    rollback: Annotated[bool, typer.Option("--rollback", help="Return to the model before.")] = False,
) -> None:
    """Put a model on a board, and main.py that classifies at boot what lies in a folder of the board.

    Only what differs is uploaded, and one step on the board switches to it: whenever the power goes, the
    board runs the old model or the new one. The old one stays for --rollback.
    """
    from galago import boards
    from galago.flash import boot_plan, roll_back, settings_of
    from galago.models import find

    if not port:
        raise GalagoError(
            "usage", "wanted the port of a board: give --port, `mpremote connect list` shows them"
        )
    directory = None if rollback else find(model)
    with connected(port, None) as (device, place):
        if not directory:
            print(f"{roll_back(device)} runs at boot again: mpremote connect {port} reset")
            return
        known = boards.identify(device.implementation)
        settings = settings_of(known, source) | {"top": top, "interval": interval}
        if source == "files":
            settings |= {"folder": device.root + folder, "loop": loop}
        plan = boot_plan(device, directory, settings, known)
        carry_out(device, plan, f"{directory.name} on {place}")
        if source == "files":
            device.makedirs(device.root + folder)
    print(f"{directory.name} runs at boot: copy pictures to :{folder}, then mpremote connect {port} reset")
