# SPDX-License-Identifier: MIT
"""Install a MicroPython image on a board, with the board's own tool, if this computer has it.

micropython_image.put("/dev/ttyACM0", image, known, on_progress)

tool = micropython_image.choose_tool(known, image)      # the first of the board's tools that accepts the file
micropython_image.install(tool, known, "/dev/ttyACM0", image, on_line)

Nothing is downloaded: images come from micropython.org/download or the board's maker.
"""

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from galago import boards, special_files, transport
from galago.boards import BoardSpec
from galago.errors import GalagoError
from galago.transport import Board

_PATIENCE = 300.0  # seconds for a tool
_DRIVES = ("/media/*/*", "/run/media/*/*", "/media/*", "/mnt/*", "/Volumes/*")
_MOUNTING = 30.0  # seconds until a board's drive shows up
_RESTART = 30.0  # seconds until a board with new firmware answers
NEEDS_PORT = ("esptool", "kflash", "bossac")

# Where the image goes in an ESP32's flash: its second-stage bootloader comes first in it.
_ESP_OFFSETS = {"ESP32": "0x1000", "ESP32-S2": "0x1000", "ESP32-P4": "0x2000", "ESP32-C5": "0x2000"}
_KFLASH_BOARDS = {"SIPEED_MAIX_DOCK": "dan", "SIPEED_MAIX_BIT": "bit", "M5STICKV": "goE"}


class Tool(NamedTuple):
    """One way to install an image."""

    name: str
    programs: tuple[str, ...]
    """The program's possible names; none for a copy to a drive."""
    suffixes: tuple[str, ...]
    how_to_install: str
    """The command that installs the tool."""
    bootloader: bool
    """Whether the board must be sent to its bootloader first."""
    by_hand: str
    """How a board that does not answer gets into its bootloader."""


_BOOT_BUTTON = "If it does not connect: hold BOOT, press RESET, and let go of BOOT."
TOOLS = {
    tool.name: tool
    for tool in (
        Tool("esptool", ("esptool", "esptool.py"), (".bin",), "pip install esptool", False, _BOOT_BUTTON),
        Tool("uf2", (), (".uf2",), "", True, "Hold BOOTSEL while you plug the board in: a drive appears."),
        Tool(
            "picotool",
            ("picotool",),
            (".uf2", ".bin", ".elf"),
            "apt install picotool",
            False,
            "Hold BOOTSEL while you plug the board in.",
        ),
        Tool(
            "dfu-util",
            ("dfu-util",),
            (".dfu", ".bin"),
            "apt install dfu-util",
            True,
            "Hold BOOT (or connect BOOT0 to 3.3 V) while you press RESET.",
        ),
        Tool(
            "st-flash",
            ("st-flash",),
            (".bin", ".hex"),
            "apt install stlink-tools",
            False,
            "Plug in the USB socket of the board's ST-LINK.",
        ),
        Tool("kflash", ("kflash",), (".bin", ".kfpkg"), "pip install kflash", False, _BOOT_BUTTON),
        Tool("bossac", ("bossac",), (".bin",), "apt install bossa-cli", True, "Press RESET twice, quickly."),
        Tool(
            "teensy_loader_cli",
            ("teensy_loader_cli",),
            (".hex",),
            "apt install teensy-loader-cli",
            True,
            "Press the button on the board.",
        ),
    )
}


def put(
    port: str | None,
    image: Path,
    known: BoardSpec | None,
    on_progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> None:
    """Installs an image with the board's own tool, and waits until the board answers.

    A board that runs MicroPython is sent to its bootloader first if need be. `known` is its kind, needed if
    the board does not say so itself. Without `port` the board is in its bootloader already. Raises
    GalagoError firmware.*, port.*, usage.
    """
    device = port or ""
    if port:
        try:
            with transport.connect(port) as board:
                known, device = known or boards.identify(board.implementation), board.port
                tool = choose_tool(known, image) if known else None
                if tool and tool.bootloader:
                    _to_bootloader(board)
        except GalagoError as error:
            if error.code not in ("board.firmware", "port.lost", "port.missing") or not known:
                raise
    if not known:
        raise GalagoError("usage", f"the board at {port} does not identify itself: name it with --board")
    tool = choose_tool(known, image)
    if not port and tool.name in NEEDS_PORT:
        raise GalagoError(
            "firmware.tool", f"{tool.name} needs the board's port: plug it in, and choose its port"
        )
    on_progress(f"MicroPython, by {tool.name}", 0, 1)
    install(tool, known, device, image, lambda line: on_progress(f"{tool.name}: {line[:40]}", 0, 1))
    if port:
        _await(port)


def _to_bootloader(board: Board) -> None:
    try:
        board.exec("import machine; machine.bootloader()", timeout=2)
    except GalagoError as error:  # it is gone or silent, as expected
        if error.code == "board.exec":
            raise


def _await(port: str) -> None:
    deadline = time.monotonic() + _RESTART
    while True:
        try:
            transport.connect(port).close()
            return
        except GalagoError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def choose_tool(known: BoardSpec, image: Path) -> Tool:
    """Return the board's first tool that accepts this file and is installed on this computer.

    Raises GalagoError firmware.image for a file that no tool accepts, firmware.tool if none is installed.
    """
    special_files.refuse(image)
    if not image.is_file():
        raise GalagoError("firmware.image", f"no file {image}: download an image for the {known.id}")
    tools = [TOOLS[name] for name in known.install_with if name in TOOLS]
    if not tools:
        raise GalagoError(
            "firmware.tool",
            f"a {known.id} boots from its SD card: write {image.name} to the card with dd",
        )
    fitting = [tool for tool in tools if image.suffix.lower() in tool.suffixes]
    if not fitting:
        suffixes = sorted({suffix for tool in tools for suffix in tool.suffixes})
        raise GalagoError(
            "firmware.image",
            f"{image.name} is not an image for a {known.id}: expected {' or '.join(suffixes)}",
        )
    for tool in fitting:
        if not tool.programs or _program(tool):
            return tool
    names = " or ".join(f"{tool.name} ({tool.how_to_install})" for tool in fitting)
    raise GalagoError("firmware.tool", f"to install {image.name} on a {known.id}, install {names} first")


def install(
    tool: Tool, known: BoardSpec, device: str, image: Path, on_line: Callable[[str], None] = lambda line: None
) -> None:
    """Install the image. `device` is the serial port; `on_line` gets each line that the tool prints.

    Raises GalagoError firmware.failed with the last line of its output.
    """
    if tool.name == "uf2":
        _copy(known, image)
        return
    command = _command(tool, known, device, image)
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
        errors="replace",  # a tool may print in another encoding
    ) as process:
        last = "no output"
        for line in process.stdout or ():
            if line.strip():
                last = line.strip().split("\r")[-1]
                on_line(last)
        status = process.wait(_PATIENCE)
    if status:
        raise GalagoError(
            "firmware.failed",
            f"{tool.name} ended with status {status}, {last}: see the board's page for its bootloader",
        )


def _program(tool: Tool) -> str | None:
    return next((found for name in tool.programs if (found := shutil.which(name))), None)


def _command(tool: Tool, known: BoardSpec, device: str, image: Path) -> list[str]:
    program, file = _program(tool) or tool.programs[0], str(image)
    if tool.name == "esptool":
        offset = _ESP_OFFSETS.get(known.mcu, "0x0")
        return [program, "--port", device, "--baud", "460800", "write_flash", offset, file]
    if tool.name == "picotool":
        return [program, "load", "-f", "-x", file]
    if tool.name == "dfu-util":
        where = [] if image.suffix == ".dfu" else ["-s", "0x08000000:leave"]
        return [program, "-a", "0", *where, "-D", file]
    if tool.name == "st-flash":
        hexadecimal = image.suffix == ".hex"
        return [program, "--reset", *(["--format", "ihex"] if hexadecimal else []), "write", file] + (
            [] if hexadecimal else ["0x08000000"]
        )
    if tool.name == "kflash":
        return [program, "-p", device, "-b", "1500000", "-B", _KFLASH_BOARDS.get(known.id, "dan"), file]
    if tool.name == "bossac":
        return [program, f"--port={device.removeprefix('/dev/')}", "-e", "-w", "-R", file]
    return [program, "--mcu=TEENSY41", "-w", "-v", file]


def _copy(known: BoardSpec, image: Path) -> None:
    """Copy the image to the bootloader's drive; the board restarts when it has the whole file."""
    deadline = time.monotonic() + _MOUNTING
    while not (drive := _drive()):
        if time.monotonic() > deadline:
            raise GalagoError(
                "firmware.failed",
                f"no UF2 drive of a {known.id} is mounted: hold BOOTSEL while you plug it in, and mount it",
            )
        time.sleep(0.2)
    try:
        shutil.copyfile(image, drive / image.name)
    except OSError as error:
        raise GalagoError(
            "firmware.failed", f"{drive}: {error.strerror}: copy {image} there by hand"
        ) from error


def _drive() -> Path | None:
    for pattern in _DRIVES:
        for folder in Path("/").glob(pattern.lstrip("/")):
            if (folder / "INFO_UF2.TXT").is_file():
                return folder
    return None
