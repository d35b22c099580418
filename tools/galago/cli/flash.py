# SPDX-License-Identifier: MIT
"""galago flash: a board that classifies by itself at boot."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from galago.cli.connection import SMALL_FORM, KernelsOption, left_out
from galago.cli.model import DEFAULT_MODEL, MODEL_HELP, open_model
from galago.cli.progress import progress_bar
from galago.errors import GalagoError

if TYPE_CHECKING:
    from galago.flash.install import InstallOptions, InstallResult


def flash(
    model: Annotated[str, typer.Argument(help=MODEL_HELP)] = DEFAULT_MODEL,
    port: Annotated[
        list[str] | None,
        typer.Option(help="The port of a board, as mpremote names it. Repeat it for several boards."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(help="Where the pictures come from: files, camera or host.  [default: files]"),
    ] = None,
    folder: Annotated[
        str | None,
        typer.Option(help="The folder on the board whose pictures to classify.  [default: /pictures]"),
    ] = None,
    loop: Annotated[
        bool | None, typer.Option("--loop/--once", help="Start again after the last picture, or stop there.")
    ] = None,
    top: Annotated[int | None, typer.Option(min=1, help="How many classes to report per picture.")] = None,
    interval: Annotated[float | None, typer.Option(min=0, help="Seconds between pictures.")] = None,
    watchdog: Annotated[
        float | None,
        typer.Option(
            min=0, help="Restart the board after this many seconds without progress; 0 means never."
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(metavar="MOUNT", help="Put the model on the card that the board mounts there: /sd."),
    ] = None,
    romfs: Annotated[bool, typer.Option(help="Use the board's ROMFS if it has one.")] = True,
    micropython: Annotated[
        Path | None, typer.Option(metavar="IMAGE", help="Install this MicroPython on the board first.")
    ] = None,
    board: Annotated[
        str | None, typer.Option(help="The board's id, if its firmware does not report it.")
    ] = None,
    kernels: KernelsOption = None,
    require_signature: Annotated[
        Path | None,
        typer.Option(metavar="KEY.pub", help="Flash only a model that the owner of this public key signed."),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Remove the board's models first if there is no room for two. Without power until the end, "
            "the board has no model; flashing again repairs that.",
        ),
    ] = False,
    rollback: Annotated[bool, typer.Option("--rollback", help="Return to the previous model.")] = False,
) -> None:
    """Install a model on a board, and a main.py that classifies files or camera pictures at boot.

    Only what differs is uploaded, and the board switches to it in one step: if the power fails at any time,
    the board runs either the old model or the new one. The old one is kept for --rollback. What the board's
    galago.json already sets stays, unless an option changes it; `galago config` shows it.
    """
    from galago import boards
    from galago.flash.install import InstallOptions
    from galago.models import signature

    if source not in (None, "files", "camera", "host"):
        raise GalagoError("usage", f"expected --source files, camera or host, got {source}")
    if not port:
        raise GalagoError(
            "usage", "expected the port of a board: add --port; `mpremote connect list` lists the ports"
        )
    if rollback:
        if require_signature:
            raise GalagoError(
                "usage",
                "--rollback returns to what is on the board, whose signature is gone: use one of them",
            )
        _roll_back(port)
        return
    directory = open_model(model)
    if require_signature:
        signature.verify(directory.path, require_signature)
    chosen = {
        "source": source,
        "folder": folder,
        "loop": loop,
        "top": top,
        "interval": interval,
        "watchdog": watchdog,
    }
    options = InstallOptions(
        model=directory,
        settings={key: value for key, value in chosen.items() if value is not None},
        romfs=romfs,
        micropython=micropython,
        board=boards.load(board) if board else None,
        kernels=kernels,
        to=to and (to.rstrip("/") or to),
        replace=replace,
    )
    _install(list(dict.fromkeys(port)), options)


def _roll_back(ports: list[str]) -> None:
    from galago import transport
    from galago.flash import roll_back

    for port in ports:
        with transport.connect(port) as device:
            path, changes = roll_back(device)
            for change in changes:
                print(f"{port}: galago.json {change}", file=sys.stderr)
            print(f"{path} runs at boot again: mpremote connect {port} reset")


def _install(ports: list[str], options: "InstallOptions") -> None:
    """Installs on all boards at once, and prints a line per board.

    Raises the error of the first board that failed, once all are done.
    """
    from rich.markup import escape
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn

    from galago.cli.output import Console
    from galago.flash.install import install

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    columns = (
        *(TextColumn("{task.fields[port]}"), TextColumn("{task.description}"), BarColumn()),
        *(DownloadColumn(), TransferSpeedColumn()),
    )
    failures: list[GalagoError] = []
    with progress_bar(console, *columns) as progress:
        tasks = {port: progress.add_task("checking", port=port, total=None) for port in ports}

        def install_one(port: str) -> "InstallResult | GalagoError":
            def show(what: str, done: int, total: int) -> None:
                progress.update(tasks[port], description=what, completed=done, total=total)

            try:
                return install(port, options, show)
            except GalagoError as error:
                return error

        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(len(ports)) as pool:
            for port, done in zip(ports, pool.map(install_one, ports), strict=True):
                progress.update(tasks[port], visible=False)
                if isinstance(done, GalagoError):
                    failures.append(done)
                    if len(ports) > 1:
                        console.print(f"{port}: [red]{done.code}[/red] ", end="")
                        console.print(done.message, markup=False)
                else:
                    console.print(
                        f"{port}: [bold]{escape(done.machine)}[/bold], "
                        f"{done.uploaded / 1000:.0f} kB in {done.seconds:.1f} s"
                    )
                    if done.left_out:
                        console.print(f"{port}: {left_out(done.left_out)}")
                    if done.small:
                        console.print(f"{port}: {SMALL_FORM}")
                    if done.warning:
                        console.print(
                            f"{port}: [yellow]{escape(done.warning)}[/yellow]: galago fit says what would fit"
                        )
                    for change in done.changes:
                        console.print(f"{port}: galago.json {change}", markup=False)
                    print(_next_step(port, done), flush=True)
    sys.stdout.flush()
    if failures:
        raise failures[0]


def _next_step(port: str, done: "InstallResult") -> str:
    watch = f"galago monitor --port {port} --restart"
    if done.source == "files":
        copy = f"mpremote connect {port} cp PICTURES :{done.folder}/"
        return f"{done.place} runs at boot: {copy}, then {watch}"
    if done.source == "host":
        return f"{done.place} runs at boot: galago monitor --port {port} --send PICTURE"
    return f"{done.place} runs at boot: {watch}"
