# SPDX-License-Identifier: MIT
"""All of `galago flash` for one board: firmware if asked for, the model to ROMFS or files, the switch.

done = install(port, Order(model=models.find("everyday-v1-025-96")), on_progress)
"""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from galago import boards, fit, runtimes, transport
from galago.errors import GalagoError
from galago.flash import firmware, kmodel, romfs
from galago.flash.boot import CONFIG, boot_plan, check_main, config, settings_of
from galago.flash.files import MODELS, model_files, native_arch
from galago.models import ModelDirectory
from galago.resources import firmware_dir
from galago.transport import Board

Progress = Callable[[str, int, int], None]
"""What is being done, and how many bytes of how many."""

_RESTART = 30.0  # seconds until a board with new firmware answers

# Copies the running model out of the ROMFS, which is about to be replaced.
_COPY = """
import os
block = memoryview(bytearray(4096))
for source, target in {pairs!r}:
    with open(source, "rb") as old, open(target + ".new", "wb") as new:
        while True:
            count = old.readinto(block)
            if not count:
                break
            new.write(block[:count])
with open({config!r} + ".new", "w") as file:
    file.write({settings!r})
"""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a board is to get. `settings` are those of galago.json beside what the kind of board says."""

    model: ModelDirectory
    source: str = "files"
    settings: dict[str, Any] = field(default_factory=dict)
    romfs: bool = True
    """Whether a ROMFS that the board has may be used."""
    micropython: Path | None = None
    board: boards.BoardSpec | None = None
    """What board it is, where it does not say so itself."""
    kernels: str | None = None
    """What the built-in engine is to compute with (boards.Kernels); None for the best that there is."""


@dataclass(frozen=True)
class Done:
    """What was done to a board."""

    machine: str
    place: str
    """The path of the model on the board."""
    folder: str
    """That of its pictures, if they are its source."""
    uploaded: int
    """Bytes, to file system and ROMFS."""
    seconds: float
    warning: str
    """Why the model will hardly run there, by arithmetic (galago.fit); empty if it should."""


def install(port: str, order: Order, on_progress: Progress = lambda what, done, total: None) -> Done:
    """Raises GalagoError: port.*, board.*, firmware.*, or a reason why a runtime cannot run the model."""
    start = time.monotonic()
    if order.micropython:
        _install_firmware(port, order, on_progress)
    with transport.connect(port) as board:
        known = runtimes.carried(board, boards.identify(board.implementation) or order.board)
        check_main(board)
        large = kmodel.beside(order.model, known) if known else None
        place, image = _prepare_rom(board, order, known)
        device = board.port
    uploaded = 0
    if image:
        romfs.deploy(device, image, lambda done: on_progress("ROMFS", done, len(image)))
        uploaded = len(image)
    if large and known:
        uploaded = len(large[1])
        kmodel.write(known, device, *large, lambda line: on_progress(line, 0, uploaded))
    with transport.connect(port) as board:
        if place:
            board.soft_reset()  # a new ROMFS is mounted at a reset
            _verify_rom(board, order, known)
        settings = settings_of(known, order.source) | order.settings
        if order.source == "files":
            settings.setdefault("folder", "/pictures")
            settings["folder"] = board.root + settings["folder"]
        plan = boot_plan(board, order.model, settings, known, place, order.kernels)
        plan.run(lambda path, done: on_progress("files", done, plan.total))
        if order.source == "files":
            board.makedirs(settings["folder"])
        path = str((config(board) or {}).get("model"))
        machine = board.implementation["machine"]
        warning = _warning(board, order.model, known)
    folder, seconds = settings.get("folder", ""), time.monotonic() - start
    return Done(machine, path, folder, uploaded + plan.total, seconds, warning)


def _warning(board: Board, model: ModelDirectory, known: boards.BoardSpec | None) -> str:
    """What galago.fit says of the heap that the board has now."""
    if not known or "builtin" not in known.backends:
        return ""
    heap = board.number("import gc; gc.collect(); print(gc.mem_free() + gc.mem_alloc())")
    smaller = min(known.heap, heap)
    block = min(known.largest_block, smaller)
    return fit.judge(fit.Needs.of(model), replace(known, heap=smaller, largest_block=block)).problem


def _rom_files(board: Board, order: Order, known: boards.BoardSpec | None) -> dict[str, bytes]:
    folder = f"{romfs.FOLDER}{MODELS}/{order.model.name}"
    return model_files(order.model, known, folder, native_arch(board, known, order.kernels))


def _prepare_rom(
    board: Board, order: Order, known: boards.BoardSpec | None
) -> tuple[str | None, bytes | None]:
    """Where in the ROMFS the model goes, and the image to bring there first; None where there is none."""
    rom = romfs.look(board)
    if not order.romfs or not rom.usable:
        return None, None
    files = _rom_files(board, order, known)
    image = romfs.image({path.removeprefix(f"{romfs.FOLDER}/"): data for path, data in files.items()})
    if len(image) > rom.size:
        return None, None
    place = f"{romfs.FOLDER}{MODELS}/{order.model.name}"
    if rom.names and all(board.sha256(path) == _sha256(data) for path, data in files.items()):
        return place, None
    _rescue(board)
    return place, image


def _rescue(board: Board) -> None:
    """A board that runs a model from its ROMFS gets it among its files, and runs it from there meanwhile.

    Raises GalagoError board.full where there is no room for it.
    """
    settings = config(board) or {}
    old = str(settings.get("model", ""))
    if not old.startswith(romfs.FOLDER + "/"):
        return
    new = board.root + old.removeprefix(romfs.FOLDER)
    entries = board.listdir(old)
    free = board.number(f"import os; s = os.statvfs({board.root or '/'!r}); print(s[0] * s[3])")
    needed = sum(entry.size + 4096 for entry in entries) + 8192
    if needed > free:
        raise GalagoError(
            "board.full",
            f"{old} runs until the new model is there, and takes {needed:,} bytes of the file system, "
            f"which has {free:,} free: remove files from it, or flash --no-romfs",
        )
    board.makedirs(new)
    pairs = [(f"{old}/{entry.name}", f"{new}/{entry.name}") for entry in entries]
    text = json.dumps(settings | {"model": new})
    path = board.root + CONFIG
    board.exec(_COPY.format(pairs=pairs, config=path, settings=text), timeout=120)
    switch = [target for _, target in pairs] + [path]
    board.exec((firmware_dir() / "galago_switch.py").read_text() + f"\ncommit({switch!r})", timeout=60)


def _verify_rom(board: Board, order: Order, known: boards.BoardSpec | None) -> None:
    for path, data in _rom_files(board, order, known).items():
        if board.sha256(path) != _sha256(data):
            raise GalagoError(
                "board.romfs", f"{path} in the ROMFS is not what was sent: flash again, or flash --no-romfs"
            )


def _install_firmware(port: str, order: Order, on_progress: Progress) -> None:
    """With the board's own tool; a board that runs MicroPython is sent to its bootloader if need be."""
    image = order.micropython
    assert image is not None  # for the type checker
    known, device = order.board, port
    try:
        with transport.connect(port) as board:
            known, device = known or boards.identify(board.implementation), board.port
            tool = firmware.choose(known, image) if known else None
            if tool and tool.bootloader:
                _to_bootloader(board)
    except GalagoError as error:
        if error.code not in ("board.firmware", "port.lost", "port.missing") or not known:
            raise
    if not known:
        raise GalagoError("usage", f"{port} does not say what board it is: name it with --board")
    tool = firmware.choose(known, image)
    on_progress(f"MicroPython, by {tool.name}", 0, 1)
    firmware.run(tool, known, device, image, lambda line: on_progress(f"{tool.name}: {line[:40]}", 0, 1))
    _await(port)


def _to_bootloader(board: Board) -> None:
    try:
        board.exec("import machine; machine.bootloader()", timeout=2)
    except GalagoError as error:  # it is gone, or says nothing any more: that is what was wanted
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


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
