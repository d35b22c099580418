# SPDX-License-Identifier: MIT
"""What verbs that talk to a board share: --port and --board, and putting files on it with a progress bar."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from galago.errors import GalagoError

if TYPE_CHECKING:
    from galago.transport import Board

DEFAULT = "RPI_PICO2"  # the board that is emulated unless another is named
PortOption = Annotated[str | None, typer.Option(help="A real board's port: whatever mpremote takes.")]
BoardOption = Annotated[str | None, typer.Option(help=f"The board to emulate.  [default: {DEFAULT}]")]

KernelsOption = Annotated[
    str | None,
    typer.Option(
        "--kernels",
        help="What the built-in engine computes with: native or viper.  [default: native if it can]",
    ),
]


@contextmanager
def reached(port: str | None, board: str | None) -> Iterator[str]:
    """The port of a real board, or of an emulated one that lives as long as the run."""
    if port and board:
        raise GalagoError("usage", "--port names a real board and --board an emulated one: give one of them")
    if port:
        yield port
        return
    from galago import boards
    from galago.emulator import EmulatedBoard

    with EmulatedBoard(boards.load(board or DEFAULT)) as emulated:
        yield emulated.port


@contextmanager
def connected(port: str | None, board: str | None) -> Iterator[tuple["Board", str]]:
    """The board on a port, or an emulated one that lives as long as the run; and what to call it.

    Raises GalagoError usage if both are given, port.* and board.* if there is no such port or board.
    """
    from galago import boards, transport

    with reached(port, board) as name, transport.connect(name) as device:
        emulated = f"an emulated {boards.load(board or DEFAULT).id}"
        yield device, f"{device.implementation['machine']} at {port}" if port else emulated


def install(board: "Board", files: dict[str, bytes], title: str) -> None:
    """Uploads what the board lacks of `files`. Speaks on stderr: stdout belongs to results."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from galago.flash import Plan

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    version = ".".join(map(str, board.implementation["version"][:3]))
    name, arch = ("MaixPy", "") if board.flat else ("MicroPython", f", {board.implementation['arch']}")
    console.print(f"[bold]{title}[/bold], {name} {version}{arch}")
    plan = Plan(board, files)
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
