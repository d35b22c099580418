# SPDX-License-Identifier: MIT
"""galago emulate: an emulated board for any serial tool."""

from pathlib import Path
from typing import Annotated

import typer

from galago.boards import DEFAULT


def emulate(
    board: Annotated[str, typer.Argument(help="A board's id, or a path that ends in .toml.")] = DEFAULT,
    storage: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Keep the board's file system here. Without it the board starts empty."
        ),
    ] = None,
) -> None:
    """Keep an emulated board up and print its port, until Ctrl-C."""
    import signal

    from galago import boards
    from galago.emulator import EmulatedBoard

    # `kill` ends it as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with EmulatedBoard(boards.load(board), storage) as emulated:
        typer.echo(
            f"{emulated.board.name} (emulated) is at {emulated.port}\n\n"
            f"  mpremote connect {emulated.port}\n"
            f"  galago classify --port {emulated.port} PICTURE\n\n"
            "Ctrl-C ends it."
        )
        try:
            emulated.wait()
        except KeyboardInterrupt:
            typer.echo("")
