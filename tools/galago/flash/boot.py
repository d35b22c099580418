# SPDX-License-Identifier: MIT
"""What a board does at boot: galago.json names the model and its settings, main.py carries them out.

The previous config is kept as galago.previous.json, with the model that it names: `roll_back` returns to it.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from galago import boards, settings
from galago.errors import GalagoError
from galago.flash.files import (
    LIBRARY,
    MODELS,
    compiled_package,
    device_package,
    kept_native,
    main_program,
    model_files,
    native_arch,
    remote_path,
    spare_files,
)
from galago.flash.upload_plan import UploadPlan
from galago.models import CONTRACT, ModelDirectory
from galago.native.kernels import GENERATORS
from galago.resources import firmware_dir
from galago.transport import Board

CONFIG = "/galago.json"
PREVIOUS = "/galago.previous.json"
_LONGEST_WATCHDOG = 1e6  # seconds
WATCHDOG = f"{LIBRARY}/watchdog.mpy"
_PICTURES = "/pictures"  # the folder whose pictures a board classifies


def boot_plan(
    board: Board,
    model: ModelDirectory,
    chosen: dict[str, Any],
    known: boards.BoardSpec | None,
    place: str | None = None,
    kernels: str | None = None,
    on_compare: Callable[[int, int], None] = lambda done, total: None,
) -> UploadPlan:
    """Return the plan that makes a board run `model` at boot with `chosen` settings for galago.json.

    `place` is the model's path if it is on the board already, in its ROMFS; `kernels` is what to compute with
    (native_arch). Raises GalagoError board.main if the board has a main.py that is not Galago's to replace.
    """
    check_main_py(board)
    old = read_config(board)
    native = native_arch(board, known, kernels)
    files = device_package(board, native)
    if place is None:
        folder = _free_folder(board, model, known, old, native)
        files |= model_files(model, known, folder, native)
        place = board.root + folder
    new = {"model": place, **chosen}
    files["/main.py"] = main_program(board)
    if old is not None and old != new:
        files[PREVIOUS] = json.dumps(old).encode()
    files[CONFIG] = json.dumps(new).encode()
    return UploadPlan(board, files, on_compare, spare_files(model, known, chosen.get("source") == "camera"))


def seed(model: ModelDirectory, known: boards.BoardSpec) -> dict[str, bytes]:
    """Return what `galago flash` leaves on an empty board with stock firmware: path on the board → bytes.

    An image of a file system holds it from the start. Raises GalagoError model.* if the model is broken, and
    board.firmware if the board runs no native code.
    """
    stock = replace(known, backends=("builtin",))
    native = known.arch if "native" in known.kernels and known.arch in GENERATORS else None
    chosen = {"model": remote_path(model), **default_settings(stock, "files"), "folder": _PICTURES}
    return {
        **compiled_package(known.arch, native),
        **model_files(model, stock, native=native),
        "/main.py": (firmware_dir() / "main.py").read_bytes(),
        CONFIG: json.dumps(chosen).encode(),
    }


def default_settings(known: boards.BoardSpec | None, source: str) -> dict[str, Any]:
    """Return galago.json's settings for a board: its runtimes in order, LED, display, the camera's pins.

    For an unknown board only the source.
    """
    chosen: dict[str, Any] = {"source": source}
    if known is None:
        return chosen
    chosen["backends"] = list(known.backends)
    if known.led:
        chosen["led"] = known.led
    if known.display:
        chosen["display"] = known.display
    if known.camera and known.camera.pins:
        chosen["camera"] = {"pins": known.camera.pins}
    return chosen


def kept_settings(
    board: Board, defaults: dict[str, Any], requested: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the board's present settings and the new ones: what its user set stays, unless `requested`.

    The present ones are empty if there are none, or if the board cannot use them.
    """
    present = read_config(board) or {}
    try:
        settings.check(present)
    except GalagoError:
        present = {}
    new = defaults | present | requested
    if "camera" in defaults or "camera" in present:
        new["camera"] = defaults.get("camera", {}) | present.get("camera", {})
    if new["source"] == "files":
        new.setdefault("folder", _PICTURES)
        if not new["folder"].startswith(board.root + "/"):
            new["folder"] = board.root + new["folder"]
    new.pop("model", None)
    return present, new


def write_config(board: Board, new: dict[str, Any]) -> None:
    """Replace galago.json in one step. Raises GalagoError as an upload does."""
    _write(board, {CONFIG: new})


def roll_back(board: Board) -> tuple[str, list[str]]:
    """Return to the previous config and keep the present one in its place.

    Returns the path of its model, and what else changes in galago.json. Raises GalagoError config.missing if
    there is no previous config, model.missing if its model is gone.
    """
    present, previous = read_config(board), read_config(board, PREVIOUS)
    if previous is None or present is None:
        raise GalagoError(
            "config.missing",
            "the board has no earlier model to return to: galago flash keeps the old model when it installs "
            "another",
        )
    path = str(previous.get("model"))
    if board.sha256(f"{path}/{CONTRACT}") is None:
        raise GalagoError("model.missing", f"{path} is no longer on the board: flash that model again")
    _write(board, {CONFIG: previous, PREVIOUS: present})
    return path, settings.differences(present, previous)


def remove_models(board: Board) -> None:
    """Remove all models from the board's file system, and the config to return to, so that there is room.

    Until another model is flashed, the board reports at boot that its model is missing. Raises GalagoError
    usage on a K210, whose models can be replaced one file at a time.
    """
    if board.has_flat_filesystem:
        raise GalagoError("usage", "--replace is for boards with folders: remove files with mpremote fs rm")
    folder = f"{board.root}{MODELS}"
    if board.sha256(board.root + PREVIOUS) is not None:
        board.remove(board.root + PREVIOUS)
    board.makedirs(folder)
    for model in board.listdir(folder):
        path = f"{folder}/{model.name}"
        for file in board.listdir(path) if model.is_folder else ():
            board.remove(f"{path}/{file.name}")
        board.remove(path)


def read_config(board: Board, name: str = CONFIG) -> dict[str, Any] | None:
    """Return a config file of the board; None if it is missing or unusable."""
    if board.sha256(board.root + name) is None:
        return None
    try:
        content = json.loads(board.get(board.root + name))
    except (ValueError, RecursionError):  # it can be replaced all the same
        return None
    return content if isinstance(content, dict) else None


def clear_memory(board: Board) -> None:
    """Clear the board's memory by a soft reset, and keep feeding a watchdog that main.py has started."""
    seconds = (read_config(board) or {}).get("watchdog")
    board.soft_reset()
    if (
        isinstance(seconds, int | float)
        and 0 < seconds < _LONGEST_WATCHDOG
        and board.sha256(f"{board.root}{WATCHDOG}")
    ):
        board.exec(f"from mobilenet.watchdog import Watchdog\n_dog = Watchdog({seconds})\n_dog.hold()")


def check_main_py(board: Board) -> None:
    """Raise GalagoError board.main if the board has a main.py that is not Galago's."""
    path = board.root + "/main.py"
    if board.sha256(path) is not None and b"galago.json" not in board.get(path):
        raise GalagoError(
            "board.main",
            "the board has a main.py that is not Galago's: move it away first, with mpremote fs cp and rm",
        )


def _write(board: Board, configs: dict[str, dict[str, Any]]) -> None:
    """Write config files in one step, and what is outdated of the device package."""
    package = device_package(board, kept_native(board))
    files = {name: json.dumps(config).encode() for name, config in configs.items()}
    UploadPlan(board, package | files, optional=[package]).run()


def _free_folder(
    board: Board,
    model: ModelDirectory,
    known: boards.BoardSpec | None,
    old: dict[str, Any] | None,
    native: str | None,
) -> str:
    """Return the folder for the model: never one in which another model of its name runs now."""
    usual = remote_path(model)
    for folder, other in ((usual, usual + "~"), (usual + "~", usual)):
        if old is not None and old.get("model") == board.root + folder:
            contract = model_files(model, known, folder, native)[f"{folder}/{CONTRACT}"]
            same = board.sha256(f"{board.root}{folder}/{CONTRACT}") == hashlib.sha256(contract).hexdigest()
            return folder if same else other
    return usual
