# SPDX-License-Identifier: MIT
"""All of `galago flash` for one board: MicroPython if requested, then the model, in its ROMFS or as files.

result = install(port, InstallOptions(model=models.find("everyday-v1-025-96")), on_progress)
"""

import hashlib
import json
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from galago import boards, fit, runtimes, settings, transport
from galago.errors import GalagoError
from galago.flash import card, kmodel, micropython_image, romfs
from galago.flash.boot import (
    CONFIG,
    boot_plan,
    check_main_py,
    clear_memory,
    default_settings,
    kept_settings,
    models_in,
    read_config,
    remove_models,
)
from galago.flash.camera_check import check_camera
from galago.flash.files import MODELS, has_small_form, model_files, native_arch, small_form
from galago.flash.import_check import check_import
from galago.flash.upload_plan import NoRoomError, UploadPlan
from galago.models import ModelDirectory
from galago.resources import firmware_dir, models_dir
from galago.transport import Board

Progress = Callable[[str, int, int], None]
"""Called with what is being done, and how many bytes of how many."""

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
    to: str | None = None
    """Where the card is mounted that the model goes to; None for ROMFS or file system of the board."""
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
    small: bool
    """Whether the board has the small form of the device package."""
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
        micropython_image.put(port, options.micropython, options.board, on_progress)
    with transport.connect(port) as board:
        known = runtimes.carried(board, boards.identify(board.implementation) or options.board)
        if not board.has_flat_filesystem:
            check_import(board)
        check_main_py(board)
        if options.to is not None:
            clear_memory(board)  # boot.py mounts a card that was inserted meanwhile
            card.check(board, options.to)
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
                options.to or "",
            )

        try:
            plan = planned()
        except NoRoomError as full:
            if not options.replace:
                raise _with_card(board, options, full) from full
            _make_room(board, options, known, full)
            plan = planned()
        plan.run(lambda path, done: on_progress("files", done, plan.total))
        if chosen["source"] == "files":
            board.makedirs(chosen["folder"])
        after = read_config(board) or {}
        machine = board.implementation["machine"]
        warning = _warning(board, options, known)
    return InstallResult(
        machine=machine,
        place=str(after.get("model")),
        folder=chosen["folder"] if chosen["source"] == "files" else "",
        uploaded=uploaded + plan.total,
        left_out=len(plan.left_out),
        small=plan.single,
        seconds=time.monotonic() - start,
        source=chosen["source"],
        changes=settings.differences(before, after) if before else [],
        warning=warning,
    )


def _with_card(board: Board, options: InstallOptions, full: NoRoomError) -> GalagoError:
    """Return the error for a board that is full, which names its card if there is room for the model."""
    if options.to or full.beside > full.free or has_small_form(board):
        return full
    model = options.model
    name = model.name if model.path.parent == models_dir() else str(model.path)
    for mount, state in card.mounted(board).items():
        free = board.space(mount)[1] if state == "ready" else 0
        if free >= full.needed:
            return GalagoError(
                full.code,
                f"{full.message}, or put the model on the card at {mount}, which has {free:,} bytes free: "
                f"galago flash {shlex.quote(name)} --port {board.port} --to {mount}",
            )
    return full


def _make_room(
    board: Board, options: InstallOptions, known: boards.BoardSpec | None, full: NoRoomError
) -> None:
    """Remove the models from where there is no room, unless the new one would not fit without them either."""
    model = options.model
    if options.to:
        folder = f"{full.mount or board.root}{MODELS}"
        models = [entry for entry in models_in(board, full.mount) if entry.is_folder]
        freed = sum(file.size for each in models for file in board.listdir(f"{folder}/{each.name}"))
        if full.free + freed < full.needed:
            raise GalagoError(
                full.code,
                f"{full.message.partition(':')[0]}, nothing was removed: models take {freed:,} of it",
            )
    elif known and "builtin" in known.backends:
        files = fit.check(fit.Requirements.of(model), known).filesystem
        if files.used > files.size:
            raise GalagoError(
                "board.full",
                f"files take {files.used:,} of {files.size:,} bytes, nothing was removed: "
                "use a smaller model",
            )
    remove_models(board, full.mount)


def _source(board: Board, options: InstallOptions) -> str:
    """Return the source that the board will have."""
    return str(kept_settings(board, {"source": "files"}, options.settings)[1]["source"])


def _warning(board: Board, options: InstallOptions, known: boards.BoardSpec | None) -> str:
    """Return what galago.fit says about the heap that the board has now."""
    if not known or "builtin" not in known.backends:
        return ""
    heap = board.exec_int("import gc; gc.collect(); print(gc.mem_free() + gc.mem_alloc())")
    smaller = min(known.heap, heap)
    block = min(known.largest_block, smaller)
    now = replace(known, heap=smaller, largest_block=block)
    return fit.check(fit.Requirements.of(options.model), now, card=bool(options.to)).problem


def _rom_files(board: Board, options: InstallOptions, known: boards.BoardSpec | None) -> dict[str, bytes]:
    folder = f"{romfs.FOLDER}{MODELS}/{options.model.name}"
    native = native_arch(board, known, options.kernels)
    form = small_form(board, options.model, known, native)
    if form:
        return {f"{folder}/{name}": data for name, data in form.model.items()}
    return model_files(options.model, known, folder, native)


def _prepare_rom(
    board: Board, options: InstallOptions, known: boards.BoardSpec | None
) -> tuple[str | None, bytes | None]:
    """Return the model's place in the ROMFS and the image to write first; None each if not needed."""
    rom = romfs.inspect(board)
    if options.to is not None or not options.romfs or not rom.usable:
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


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
