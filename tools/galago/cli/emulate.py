# SPDX-License-Identifier: MIT
"""galago emulate: an emulated board for any serial tool."""

from pathlib import Path
from typing import Annotated

import typer

from galago.boards import DEFAULT, Cores


def emulate(
    board: Annotated[str, typer.Argument(help="A board's id, or a path that ends in .toml.")] = DEFAULT,
    storage: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keep the board's file system in this file; without it, the board starts empty.",
        ),
    ] = None,
    firmware: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODULES",
            help="Add the modules of this firmware: openmv, microlite, emlearn, esp32…; repeatable.  "
            "[default: those of the board's usual firmware]",
        ),
    ] = None,
    camera: Annotated[
        Path | None,
        typer.Option(
            metavar="PHOTOS", help="A folder of pictures for its camera to show, one after the other."
        ),
    ] = None,
    cores: Annotated[
        Cores,
        typer.Option(
            help="Where a model's native kernels run: on this computer's processor (host), or on an emulated "
            "core of the board's own architecture (board), slowly and with the board's own code."
        ),
    ] = "host",
    qemu: Annotated[
        Path | None,
        typer.Option(metavar="FIRMWARE.ELF", help="Run this MicroPython firmware in QEMU instead."),
    ] = None,
    machine: Annotated[str, typer.Option(help="With --qemu: the machine to emulate.")] = "mps2-an500",
) -> None:
    """Run an emulated board and print its port, until Ctrl-C."""
    import signal

    # `kill` ends it as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if qemu:
        _run_qemu(qemu, machine)
    else:
        _run(board, storage, firmware, camera, cores)


def _run(
    board: str, storage: Path | None, firmware: list[str] | None, camera: Path | None, cores: Cores
) -> None:
    from galago import boards
    from galago.emulator import EmulatedBoard
    from galago.emulator.camera import EmulatedCamera

    pictures = EmulatedCamera(camera) if camera else None
    with EmulatedBoard(boards.load(board), storage, firmware or None, pictures, cores=cores) as emulated:
        typer.echo(
            f"{emulated.board.name} (emulated) is at {emulated.port}\n\n"
            f"  mpremote connect {emulated.port}\n"
            f"  galago classify --port {emulated.port} PICTURE\n\n"
            "Press Ctrl-C to stop it."
        )
        try:
            emulated.wait()
        except KeyboardInterrupt:
            typer.echo("")


def _run_qemu(firmware: Path, machine: str) -> None:
    from galago.emulator.qemu import QemuBoard

    with QemuBoard(firmware, machine) as running:
        typer.echo(
            f"{firmware.name} on {machine} (QEMU) is at {running.port}\n\n"
            f"  mpremote connect {running.port} mount FOLDER exec 'import program'\n\n"
            "It has no file system. Press Ctrl-C to stop it."
        )
        try:
            running.wait()
        except KeyboardInterrupt:
            typer.echo("")
