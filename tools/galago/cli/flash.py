# SPDX-License-Identifier: MIT
"""galago flash: a board that classifies by itself at boot."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from galago.cli.classify import DEFAULT_MODEL
from galago.cli.connection import KernelsOption
from galago.errors import GalagoError

if TYPE_CHECKING:
    from galago.flash.install import Done, Order


def flash(
    model: Annotated[
        str, typer.Argument(help="A shipped model's name, or a model directory.")
    ] = DEFAULT_MODEL,
    port: Annotated[
        list[str] | None,
        typer.Option(help="A board's port: whatever mpremote takes. Repeat it for several at once."),
    ] = None,
    source: Annotated[str, typer.Option(help="Where pictures come from: files, camera or host.")] = "files",
    folder: Annotated[
        str, typer.Option(help="The folder on the board whose pictures to classify.")
    ] = "/pictures",
    loop: Annotated[bool, typer.Option(help="Start again after the last picture.")] = False,
    top: Annotated[int, typer.Option(min=1, help="How many classes to report for each picture.")] = 1,
    interval: Annotated[float, typer.Option(min=0, help="Seconds between pictures.")] = 0,
    watchdog: Annotated[
        float, typer.Option(min=0, help="Seconds without a sign of life until the board restarts; 0 never.")
    ] = 0,
    romfs: Annotated[bool, typer.Option(help="Use the board's ROMFS where it has one.")] = True,
    micropython: Annotated[
        Path | None, typer.Option(metavar="IMAGE", help="Install this MicroPython on the board first.")
    ] = None,
    board: Annotated[
        str | None, typer.Option(help="What board it is, where it does not say so itself.")
    ] = None,
    kernels: KernelsOption = None,
    rollback: Annotated[bool, typer.Option("--rollback", help="Return to the model before.")] = False,
) -> None:
    """Put a model on a board, and main.py that classifies at boot: files, or what a camera sees.

    Only what differs is uploaded, and one step on the board switches to it: whenever the power goes, the
    board runs the old model or the new one. The old one stays for --rollback.
    """
    from galago import boards
    from galago.flash.install import Order
    from galago.models import find

    if source not in ("files", "camera", "host"):
        raise GalagoError("usage", f"--source is {source}: wanted files, camera or host")
    if not port:
        raise GalagoError(
            "usage", "wanted the port of a board: give --port, `mpremote connect list` shows them"
        )
    if rollback:
        _roll_back(port)
        return
    settings: dict[str, Any] = {"top": top, "interval": interval}
    if source == "files":
        settings |= {"folder": folder, "loop": loop}
    if watchdog:
        settings["watchdog"] = watchdog
    order = Order(
        model=find(model),
        source=source,
        settings=settings,
        romfs=romfs,
        micropython=micropython,
        board=boards.load(board) if board else None,
        kernels=kernels,
    )
    _install(list(dict.fromkeys(port)), order)


def _roll_back(ports: list[str]) -> None:
    from galago import transport
    from galago.flash import roll_back

    for port in ports:
        with transport.connect(port) as device:
            print(f"{roll_back(device)} runs at boot again: mpremote connect {port} reset")


def _install(ports: list[str], order: "Order") -> None:
    """Each board on a line of its own. Raises the error of the first board that failed, once all are done."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from galago.flash.install import install

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    columns = (
        *(TextColumn("{task.fields[port]}"), TextColumn("{task.description}"), BarColumn()),
        *(DownloadColumn(), TransferSpeedColumn()),
    )
    failures: list[GalagoError] = []
    with Progress(*columns, console=console, transient=True) as progress:
        tasks = {port: progress.add_task("looking", port=port, total=None) for port in ports}

        def one(port: str) -> "Done | GalagoError":
            def show(what: str, done: int, total: int) -> None:
                progress.update(tasks[port], description=what, completed=done, total=total)

            try:
                return install(port, order, show)
            except GalagoError as error:
                return error

        with ThreadPoolExecutor(len(ports)) as pool:
            for port, done in zip(ports, pool.map(one, ports), strict=True):
                progress.update(tasks[port], visible=False)
                if isinstance(done, GalagoError):
                    failures.append(done)
                    if len(ports) > 1:
                        console.print(f"{port}: [red]{done.code}[/red] ", end="")
                        console.print(done.message, markup=False)
                else:
                    console.print(
                        f"{port}: [bold]{done.machine}[/bold], "
                        f"{done.uploaded / 1000:.0f} kB in {done.seconds:.1f} s"
                    )
                    if done.warning:
                        console.print(
                            f"{port}: [yellow]{done.warning}[/yellow]: galago fit says what would fit"
                        )
                    print(_next_step(port, done, order), flush=True)
    sys.stdout.flush()
    if failures:
        raise failures[0]


def _next_step(port: str, done: "Done", order: "Order") -> str:
    watch = f"galago monitor --port {port} --restart"
    if order.source == "files":
        copy = f"mpremote connect {port} cp PICTURES :{done.folder}/"
        return f"{done.place} runs at boot: {copy}, then {watch}"
    if order.source == "host":
        return f"{done.place} runs at boot: galago monitor --port {port} --send PICTURE"
    return f"{done.place} runs at boot: {watch}"
