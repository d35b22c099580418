# SPDX-License-Identifier: MIT
"""galago emulate: an emulated board, or an emulated chip with its own firmware, for any serial tool."""

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from galago.boards import DEFAULT, Cores
from galago.cli.model import MODEL_HELP, open_model
from galago.errors import GalagoError

_CLASSIFY = "  galago classify --port {port} PICTURE\n"
_MOUNT = "  mpremote connect {port} mount FOLDER exec 'import program'\n"
_PATIENCE = 3600.0  # seconds without a line: a program may compute, and Ctrl-C ends it
_Serve = Callable[[AbstractContextManager[Any], str, str], None]
_SLOW = "A second of the chip takes about a minute."


def emulate(
    board: Annotated[
        str,
        typer.Argument(
            metavar="BOARD|IMAGE",
            help="A board's id, or a path that ends in .toml; with --chip a MicroPython image.",
        ),
    ] = DEFAULT,
    storage: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keep the board's file system in this file; without it, the board starts empty.",
        ),
    ] = None,
    chip: Annotated[
        Literal["rp2040"] | None,
        typer.Option(
            metavar="rp2040",
            help="Run a MicroPython image (.uf2) on this emulated chip instead, slowly and with the chip's "
            "own machine code.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="With --chip: what a new file system holds, as galago flash would leave it.  " + MODEL_HELP
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
    card: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The image of an SD card in its slot, machine.SDCard(); a missing one is made, with 16 MB.",
        ),
    ] = None,
    cores: Annotated[
        Cores,
        typer.Option(
            metavar="host|board",
            help="Where a model's native kernels run: on this computer's processor (host), or on an emulated "
            "core of the board's own architecture (board), slowly and with the board's own code.",
        ),
    ] = "host",
    qemu: Annotated[
        Path | None,
        typer.Option(metavar="FIRMWARE.ELF", help="Run this MicroPython firmware in QEMU instead."),
    ] = None,
    machine: Annotated[str, typer.Option(help="With --qemu: the machine to emulate.")] = "mps2-an500",
    storage_address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="With --qemu and --storage: where in RAM the firmware expects its file system.  "
            "[default: 0x60000000, on virt 0x81000000]",
        ),
    ] = None,
    storage_size: Annotated[
        int | None,
        typer.Option(
            metavar="BYTES", help="With --qemu and --storage: the size of a new file.  [default: 2097152]"
        ),
    ] = None,
    code: Annotated[
        str | None,
        typer.Option("--exec", metavar="CODE", help="Run this code, print what it prints, and end."),
    ] = None,
    mount: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            exists=True,
            file_okay=False,
            help="With --exec: make this folder /remote on the board.",
        ),
    ] = None,
) -> None:
    """Run an emulated board and print its port, until Ctrl-C."""
    import signal

    # `kill` ends it as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if chip and qemu:
        raise GalagoError("usage", "--chip and --qemu name two emulators: use one of them")
    if (chip or qemu) and (firmware or camera or card or cores != "host"):
        raise GalagoError(
            "usage",
            "--firmware, --camera, --card and --cores are for emulated boards, not for --chip and --qemu",
        )
    if chip and board == DEFAULT:
        raise GalagoError("usage", f"--chip {chip} needs a MicroPython image: add its path")
    if model and not chip:
        raise GalagoError("usage", "--model is for --chip: put a model on any other board with galago flash")
    if not (qemu and storage) and (storage_address is not None or storage_size is not None):
        raise GalagoError("usage", "--storage-address and --storage-size need --qemu and --storage")
    if code is None and mount:
        raise GalagoError("usage", "--mount needs --exec, the code that uses the folder")
    serve = _serve if code is None else functools.partial(_execute, code, mount)
    if chip:
        _run_chip(serve, Path(board), storage, model)
    elif qemu:
        _run_qemu(serve, qemu, machine, storage, _address(storage_address), storage_size)
    else:
        _run(serve, board, storage, firmware, camera, cores, card)


def _run(
    serve: _Serve,
    board: str,
    storage: Path | None,
    firmware: list[str] | None,
    camera: Path | None,
    cores: Cores,
    card: Path | None,
) -> None:
    from galago import boards
    from galago.emulator import EmulatedBoard
    from galago.emulator.camera import EmulatedCamera
    from galago.emulator.card import Card

    pictures = EmulatedCamera(camera) if camera else None
    slot = Card(card) if card else None
    emulated = EmulatedBoard(boards.load(board), storage, firmware or None, pictures, cores=cores, card=slot)
    serve(emulated, f"{emulated.board.name} (emulated)", _CLASSIFY)


def _run_chip(serve: _Serve, image: Path, storage: Path | None, model: str | None) -> None:
    from galago import flash
    from galago.emulator import rp2040

    board = rp2040.identify(image)
    files = flash.seed(open_model(model), board) if model else None
    chip = rp2040.EmulatedRp2040(image, storage, files)
    serve(chip, f"{image.name} on an emulated {board.mcu}", f"{_CLASSIFY}\n{_SLOW}\n")


def _run_qemu(
    serve: _Serve,
    firmware: Path,
    machine: str,
    storage: Path | None,
    address: int | None,
    size: int | None,
) -> None:
    from galago.emulator.qemu import QemuBoard

    emulated = QemuBoard(firmware, machine, storage, address, size)
    hint = _CLASSIFY if storage else f"{_MOUNT}\nIt has no file system unless you add --storage.\n"
    serve(emulated, f"{firmware.name} on {machine} (QEMU)", hint)


def _serve(emulated: AbstractContextManager[Any], name: str, hint: str) -> None:
    """Print the port of an emulated board or chip, and keep it running until it ends or Ctrl-C."""
    with emulated as running:
        port = running.port
        try:
            typer.echo(
                f"{name} is at {port}\n\n  mpremote connect {port}\n{hint.format(port=port)}\n"
                "Press Ctrl-C to stop it."
            )
            running.wait()
        except KeyboardInterrupt:
            typer.echo("")


def _execute(
    code: str, mount: Path | None, emulated: AbstractContextManager[Any], name: str, hint: str
) -> None:
    """Run code on an emulated board or chip and print what it prints. Raises GalagoError board.exec."""
    from galago import transport

    with (
        emulated as running,
        transport.connect(running.port) as board,
        board.mount(mount) if mount else nullcontext(),
    ):
        board.stream(code, typer.echo, timeout=_PATIENCE)


def _address(text: str | None) -> int | None:
    """The number that an option gives, in decimal or hexadecimal."""
    try:
        return None if text is None else int(text, 0)
    except ValueError:
        raise GalagoError(
            "usage", f"expected an address such as 0x60000000 for --storage-address, got {text}"
        ) from None
