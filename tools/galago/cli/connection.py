# SPDX-License-Identifier: MIT
"""What verbs that use a board share: --port, --board, --kernels, reaching it, and installing a model.

with installed(model, port, board, kernels) as target:
    target.device, target.name, target.backends
"""

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from galago.boards import DEFAULT
from galago.cli.plural import plural
from galago.cli.progress import progress_bar
from galago.errors import GalagoError

if TYPE_CHECKING:
    from galago.models import ModelDirectory
    from galago.transport import Board

PortOption = Annotated[str | None, typer.Option(help="The port of a real board, as mpremote names it.")]
BoardOption = Annotated[str | None, typer.Option(help=f"The board to emulate.  [default: {DEFAULT}]")]

KernelsOption = Annotated[
    str | None,
    typer.Option(
        "--kernels",
        help="Which kernels the built-in engine uses: native or viper.  [default: native where available]",
    ),
]


@contextmanager
def reached(port: str | None, board: str | None) -> Iterator[str]:
    """The port of a real board, or of an emulated one that runs until the end of the block.

    Raises GalagoError usage if both are given, and board.* if the board is unknown or does not start.
    """
    if port and board:
        raise GalagoError("usage", "--port names a real board and --board an emulated one: use one of them")
    if port:
        yield port
        return
    from galago import boards
    from galago.emulator import EmulatedBoard

    with EmulatedBoard(boards.load(board or DEFAULT)) as emulated:
        yield emulated.port


@contextmanager
def connected(port: str | None, board: str | None) -> Iterator[tuple["Board", str]]:
    """The connection to a real or emulated board, and what to call the board in messages.

    Raises GalagoError as `reached` does, and port.* if the port cannot be opened.
    """
    from galago import boards, transport

    with reached(port, board) as name, transport.connect(name) as device:
        emulated = f"an emulated {boards.load(board or DEFAULT).id}"
        yield device, f"{device.implementation['machine']} at {port}" if port else emulated


@dataclass(frozen=True)
class Target:
    """A board with a model on it."""

    device: "Board"
    name: str
    """What to call the board in messages."""
    backends: tuple[str, ...] | None
    """The runtimes to try, in order; None for all that the firmware has."""


@contextmanager
def installed(
    model: "ModelDirectory",
    port: str | None,
    board: str | None,
    kernels: str | None = None,
    runtime: str | None = None,
    whole: bool = False,
) -> Iterator[Target]:
    """A board with the device package and a model on it; only what differs is uploaded.

    `runtime` is the only one to prepare the model for, instead of all that the board has; `whole` says that
    the small form of the device package will not do. Raises GalagoError as `connected` does, and board.* if
    there is no room or the firmware does not fit.
    """
    from galago.flash import prepared

    with connected(port, board) as (device, name):
        wanted = prepared(device, model, kernels, runtime)
        if wanted.small and whole:
            raise GalagoError(
                "board.full",
                f"{name} has room for the small form of the device package alone, which classifies but does "
                "not show single layers: use another board",
            )
        upload(device, wanted.files, f"{model.name} on {name}", wanted.spare, wanted.small)
        yield Target(device, name, wanted.backends)


SMALL_FORM = (
    "small form of the device package, for want of room: it holds this model alone and takes pictures in the "
    "size of its input"
)


def left_out(count: int) -> str:
    """Says that a board has no room for the whole device package."""
    return (
        f"{plural(count, 'file')} of the device package left out, which this model does not need: "
        "the board has no room for the whole package"
    )


def upload(
    board: "Board",
    files: dict[str, bytes],
    title: str,
    optional: "Sequence[Collection[str]]" = (),
    single: bool = False,
) -> None:
    """Uploads the files that differ from the board's, and `optional` ones if there is room (UploadPlan).

    Writes to stderr: stdout is for results.
    """
    from rich.markup import escape
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn

    from galago.cli.output import Console
    from galago.flash import UploadPlan

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    version = ".".join(map(str, board.implementation["version"][:3]))
    firmware = f"MicroPython {version}, {board.implementation['arch']}"
    if board.has_flat_filesystem:
        firmware = f"MaixPy {version}"
    console.print(f"[bold]{escape(title)}[/bold], {escape(firmware)}")
    with console.status("comparing files") as status:
        plan = UploadPlan(
            board,
            files,
            lambda done, total: status.update(f"comparing files, {done} of {total}"),
            optional,
            single,
        )
    if single:
        console.print(SMALL_FORM)
    if plan.left_out:
        console.print(left_out(len(plan.left_out)))
    if not plan.upload:
        plan.run()
        return
    start = time.monotonic()
    columns = (TextColumn("flashing"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with progress_bar(console, *columns) as progress:
        task = progress.add_task("", total=plan.total)
        plan.run(lambda path, done: progress.update(task, completed=done))
    elapsed = time.monotonic() - start
    console.print(
        f"flashed {plural(len(plan.upload), 'file')}, {plan.total / 1000:.0f} kB in {elapsed:.1f} s"
    )
