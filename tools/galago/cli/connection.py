# SPDX-License-Identifier: MIT
"""What verbs that talk to a board share: --port and --board, and putting files on it with a progress bar."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from galago.errors import GalagoError

if TYPE_CHECKING:
    from galago.flash import Plan
    from galago.transport import Board

DEFAULT = "RPI_PICO2"  # the board that is emulated unless another is named
PortOption = Annotated[str | None, typer.Option(help="A real board's port: whatever mpremote takes.")]
BoardOption = Annotated[str | None, typer.Option(help=f"The board to emulate.  [default: {DEFAULT}]")]


@contextmanager
def connected(port: str | None, board: str | None) -> Iterator[tuple["Board", str]]:
    """The board on a port, or an emulated one that lives as long as the run; and what to call it.

    Raises GalagoError usage if both are given, port.* and board.* if there is no such port or board.
    """
    if port and board:
        raise GalagoError("usage", "--port names a real board and --board an emulated one: give one of them")
    from galago import boards, transport

    if port:
        with transport.connect(port) as device:
            yield device, f"{device.implementation['machine']} at {port}"
        return
    from galago.emulator import EmulatedBoard

    wanted = boards.load(board or DEFAULT)
    with EmulatedBoard(wanted) as emulated, transport.connect(emulated.port) as device:
        yield device, f"an emulated {wanted.id}"


def install(board: "Board", files: dict[str, bytes], title: str) -> None:
    """Uploads what the board lacks of `files`. Speaks on stderr: stdout belongs to results."""
    from galago.flash import Plan

    carry_out(board, Plan(board, files), title)


def carry_out(board: "Board", plan: "Plan", title: str) -> None:
    """Runs a plan with a progress bar on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    version = ".".join(map(str, board.implementation["version"][:3]))
    console.print(f"[bold]{title}[/bold], MicroPython {version}, {board.implementation['arch']}")
    if not plan.upload:
        plan.run()
        return
    start = time.monotonic()
    columns = (TextColumn("flashing"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=plan.total)
        plan.run(lambda path, done: progress.update(task, completed=done))
    elapsed = time.monotonic() - start
    console.print(f"flashed {len(plan.upload)} files, {plan.total / 1000:.0f} kB in {elapsed:.1f} s")
