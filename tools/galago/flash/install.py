# SPDX-License-Identifier: MIT
"""All of `galago flash` for one board: MicroPython if requested, then the model, in its ROMFS or as files.

result = install(port, InstallOptions(model=models.find("everyday-v1-025-96")), on_progress)
"""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from galago import boards, fit, runtimes, settings, transport
from galago.errors import GalagoError
from galago.flash import kmodel, micropython_image, romfs
from galago.flash.boot import (
    CONFIG,
    boot_plan,
    check_main_py,
    default_settings,
    kept_settings,
    read_config,
    remove_models,
)
from galago.flash.camera_check import check_camera
from galago.flash.files import MODELS, model_files, native_arch
from galago.flash.import_check import check_import
from galago.flash.upload_plan import UploadPlan
from galago.models import ModelDirectory
from galago.resources import firmware_dir
from galago.transport import Board

Progress = Callable[[str, int, int], None]
"""Called with what is being done, and how many bytes of how many."""

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
class InstallOptions:
    """What to install on a board."""

    model: ModelDirectory
    settings: dict[str, Any] = field(default_factory=dict)
    """What to set in galago.json; the rest stays as its user set it, or is the default of the board."""
    romfs: bool = True
    """Whether to use the board's ROMFS, if it has one."""
    micropython: Path | None = None
    """An image to install first."""
    board: boards.BoardSpec | None = None
    """The kind of board, if the board does not say so itself."""
    replace: bool = False
    """Whether to remove the models in the file system first if there is no room for two."""
    kernels: str | None = None
    """What the built-in engine computes with (boards.Kernels); None for the best available."""


@dataclass(frozen=True)
class InstallResult:
    """What was installed on a board."""

    machine: str
    place: str
    """The model's path on the board."""
    folder: str
    """The folder of its pictures, if files are its source; else empty."""
    uploaded: int
    """Bytes uploaded to file system and ROMFS."""
    left_out: int
    """Files of the device package that the model does not need and the board has no room for."""
    seconds: float
    source: str
    changes: list[str]
    """What changed in the galago.json that was there before."""
    warning: str
    """Why the model is unlikely to run there (galago.fit); empty if it should run."""


def install(
    port: str, options: InstallOptions, on_progress: Progress = lambda what, done, total: None
) -> InstallResult:
    """Install a model on the board at `port`.

    Raises GalagoError port.*, board.*, firmware.*, or the reason why a runtime cannot run the model.
    """
    start = time.monotonic()
    if options.micropython:
        _install_micropython(port, options.micropython, options, on_progress)
    with transport.connect(port) as board:
        known = runtimes.carried(board, boards.identify(board.implementation) or options.board)
        if not board.has_flat_filesystem:
            check_import(board)
        check_main_py(board)
        if _source(board, options) == "camera":
            check_camera(board, known)
        large = kmodel.large_kmodel(options.model, known) if known else None
        place, image = _prepare_rom(board, options, known)
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
            _verify_rom(board, options, known)
        defaults = default_settings(known, "files")
        before, chosen = kept_settings(board, defaults, options.settings)

        def planned() -> UploadPlan:
            return boot_plan(
                board,
                options.model,
                chosen,
                known,
                place,
                options.kernels,
                lambda done, total: on_progress("comparing", done, total),
            )

        try:
            plan = planned()
        except GalagoError as error:
            if error.code != "board.full" or not options.replace:
                raise
            _make_room(board, options.model, known)
            plan = planned()
        plan.run(lambda path, done: on_progress("files", done, plan.total))
        if chosen["source"] == "files":
            board.makedirs(chosen["folder"])
        after = read_config(board) or {}
        machine = board.implementation["machine"]
        warning = _warning(board, options.model, known)
    return InstallResult(
        machine=machine,
        place=str(after.get("model")),
        folder=chosen["folder"] if chosen["source"] == "files" else "",
        uploaded=uploaded + plan.total,
        left_out=len(plan.left_out),
        seconds=time.monotonic() - start,
        source=chosen["source"],
        changes=settings.differences(before, after) if before else [],
        warning=warning,
    )


def _make_room(board: Board, model: ModelDirectory, known: boards.BoardSpec | None) -> None:
    """Remove the board's models, unless the new one would not fit without them either."""
    if known and "builtin" in known.backends:
        files = fit.check(fit.Requirements.of(model), known).filesystem
        if files.used > files.size:
            raise GalagoError(
                "board.full",
                f"files take {files.used:,} of {files.size:,} bytes, nothing was removed: "
                "use a smaller model",
            )
    remove_models(board)


def _source(board: Board, options: InstallOptions) -> str:
    """Return the source that the board will have."""
    return str(kept_settings(board, {"source": "files"}, options.settings)[1]["source"])


def _warning(board: Board, model: ModelDirectory, known: boards.BoardSpec | None) -> str:
    """Return what galago.fit says about the heap that the board has now."""
    if not known or "builtin" not in known.backends:
        return ""
    heap = board.exec_int("import gc; gc.collect(); print(gc.mem_free() + gc.mem_alloc())")
    smaller = min(known.heap, heap)
    block = min(known.largest_block, smaller)
    return fit.check(fit.Requirements.of(model), replace(known, heap=smaller, largest_block=block)).problem


def _rom_files(board: Board, options: InstallOptions, known: boards.BoardSpec | None) -> dict[str, bytes]:
    folder = f"{romfs.FOLDER}{MODELS}/{options.model.name}"
    return model_files(options.model, known, folder, native_arch(board, known, options.kernels))


def _prepare_rom(
    board: Board, options: InstallOptions, known: boards.BoardSpec | None
) -> tuple[str | None, bytes | None]:
    """Return the model's place in the ROMFS and the image to write first; None each if not needed."""
    rom = romfs.inspect(board)
    if not options.romfs or not rom.usable:
        return None, None
    files = _rom_files(board, options, known)
    image = romfs.build_image({path.removeprefix(f"{romfs.FOLDER}/"): data for path, data in files.items()})
    if len(image) > rom.size:
        return None, None
    place = f"{romfs.FOLDER}{MODELS}/{options.model.name}"
    if rom.names and all(board.sha256(path) == _sha256(data) for path, data in files.items()):
        return place, None
    _rescue(board)
    return place, image


def _rescue(board: Board) -> None:
    """Copy the running model from the ROMFS to the file system, from which the board runs it meanwhile.

    Raises GalagoError board.full if there is no room for it.
    """
    present = read_config(board) or {}
    old = str(present.get("model", ""))
    if not old.startswith(romfs.FOLDER + "/"):
        return
    new = board.root + old.removeprefix(romfs.FOLDER)
    entries = board.listdir(old)
    _, free = board.space()
    needed = sum(entry.size + 4096 for entry in entries) + 8192
    if needed > free:
        raise GalagoError(
            "board.full",
            f"the running model {old} needs {needed:,} bytes of the file system while the ROMFS is replaced, "
            f"which has {free:,} free: remove files from it, or flash --no-romfs",
        )
    board.makedirs(new)
    pairs = [(f"{old}/{entry.name}", f"{new}/{entry.name}") for entry in entries]
    text = json.dumps(present | {"model": new})
    path = board.root + CONFIG
    board.exec(_COPY.format(pairs=pairs, config=path, settings=text), timeout=120)
    switch = [target for _, target in pairs] + [path]
    board.exec(
        (firmware_dir() / "galago_switch.py").read_text(encoding="utf-8") + f"\ncommit({switch!r})",
        timeout=60,
    )


def _verify_rom(board: Board, options: InstallOptions, known: boards.BoardSpec | None) -> None:
    for path, data in _rom_files(board, options, known).items():
        if board.sha256(path) != _sha256(data):
            raise GalagoError(
                "board.romfs",
                f"{path} in the ROMFS differs from what was sent: flash again, or flash --no-romfs",
            )


def _install_micropython(port: str, image: Path, options: InstallOptions, on_progress: Progress) -> None:
    """Use the board's own tool; a board that runs MicroPython is sent to its bootloader first if need be."""
    known, device = options.board, port
    try:
        with transport.connect(port) as board:
            known, device = known or boards.identify(board.implementation), board.port
            tool = micropython_image.choose_tool(known, image) if known else None
            if tool and tool.bootloader:
                _to_bootloader(board)
    except GalagoError as error:
        if error.code not in ("board.firmware", "port.lost", "port.missing") or not known:
            raise
    if not known:
        raise GalagoError("usage", f"the board at {port} does not identify itself: name it with --board")
    tool = micropython_image.choose_tool(known, image)
    on_progress(f"MicroPython, by {tool.name}", 0, 1)
    micropython_image.install(
        tool, known, device, image, lambda line: on_progress(f"{tool.name}: {line[:40]}", 0, 1)
    )
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


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
