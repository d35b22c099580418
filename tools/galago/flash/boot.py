# SPDX-License-Identifier: MIT
"""What a board does at boot: galago.json names the model and its settings, main.py carries them out.

The previous config is kept as galago.previous.json, with the model that it names: `roll_back` returns to it.
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from galago import boards, settings, small
from galago.errors import GalagoError
from galago.flash import card
from galago.flash.files import (
    LIBRARY,
    MODELS,
    compiled_package,
    device_package,
    has_small_form,
    installation,
    kept_native,
    main_program,
    model_files,
    native_arch,
    remote_path,
    small_form,
)
from galago.flash.upload_plan import UploadPlan
from galago.models import CONTRACT, ModelDirectory
from galago.native.kernels import GENERATORS
from galago.resources import firmware_dir
from galago.transport import Board, DirEntry

CONFIG = "/galago.json"
PREVIOUS = "/galago.previous.json"
_LONGEST_WATCHDOG = 1e6  # seconds
WATCHDOG = f"{LIBRARY}/watchdog.mpy"
_OWN_MAIN_PY = re.compile(
    rb'(#.*\s+)?"""(Runs at boot: reads galago\.json|main\.py of a board with the small form)'
)
"""How main.py of both forms begins; a user's own program may name galago.json anywhere."""
_PICTURES = "/pictures"  # the folder whose pictures a board classifies


def boot_plan(
    board: Board,
    model: ModelDirectory,
    chosen: dict[str, Any],
    known: boards.BoardSpec | None,
    place: str | None = None,
    kernels: str | None = None,
    on_compare: Callable[[int, int], None] = lambda done, total: None,
    mount: str = "",
) -> UploadPlan:
    """Return the plan that makes a board run `model` at boot with `chosen` settings for galago.json.

    `place` is the model's path if it is on the board already, in its ROMFS; `kernels` is what to compute with
    (native_arch); `mount` is where the card is mounted that the model goes to. Raises GalagoError board.main
    if the board has a main.py that is not Galago's to replace, and board.card if it has room for the small
    form of the device package alone.
    """
    check_main_py(board)
    old = read_config(board)
    native = native_arch(board, known, kernels)
    folder = None if place else _free_folder(board, model, known, old, native, mount)
    chosen_files = installation(board, model, known, native, folder, chosen.get("source") == "camera")
    if chosen_files.small and mount:
        raise GalagoError(
            "board.card",
            "this board has room for the small form of the device package only, which runs its model from "
            "the board's own file system: flash without --to",
        )
    files = chosen_files.files
    new = {"model": place or f"{'' if mount else board.root}{folder}", **chosen}
    files.setdefault("/main.py", main_program(board))
    if old is not None and old != new and not chosen_files.small:
        files[PREVIOUS] = json.dumps(old).encode()
    files[CONFIG] = json.dumps(new).encode()
    return UploadPlan(board, files, on_compare, chosen_files.optional, chosen_files.small, mount)


def seed(model: ModelDirectory, known: boards.BoardSpec) -> dict[str, bytes]:
    """Return what `galago flash` leaves on an empty board with stock firmware: path on the board → bytes.

    An image of a file system holds it from the start. Raises GalagoError model.* if the model is broken, and
    board.firmware if the board runs no native code.
    """
    stock = replace(known, backends=("builtin",))
    native = known.instruction_set
    if "native" not in known.kernels or native not in GENERATORS:
        native = None
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
        if not new["folder"].startswith((f"{board.root}/", *(f"{mount}/" for mount in card.USUAL))):
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
        fix = "insert the card that holds it and reset the board, or " if card.place(board, path) else ""
        raise GalagoError("model.missing", f"{path} is no longer on the board: {fix}flash that model again")
    _write(board, {CONFIG: previous, PREVIOUS: present})
    return path, settings.differences(present, previous)


def remove_models(board: Board, mount: str = "") -> None:
    """Remove all models from the board's file system, or from the card at `mount`, so that there is room.

    The config to return to goes with its model, as does the small form of the device package. Until another
    model is flashed, the board reports at boot that its model is missing. Raises GalagoError usage on a K210,
    whose models can be replaced one file at a time.
    """
    if board.has_flat_filesystem:
        raise GalagoError("usage", "--replace is for boards with folders: remove files with mpremote fs rm")
    files = [] if mount else [small.ARCHIVE, f"{small.ARCHIVE}.new"]
    before = str((read_config(board, PREVIOUS) or {}).get("model"))
    if not mount or before.startswith(f"{mount}/"):
        files.append(PREVIOUS)
    for path in files:
        if board.sha256(board.root + path) is not None:
            board.remove(board.root + path)
    for model in models_in(board, mount):
        path = f"{mount or board.root}{MODELS}/{model.name}"
        for file in board.listdir(path) if model.is_folder else ():
            board.remove(f"{path}/{file.name}")
        board.remove(path)


def models_in(board: Board, mount: str = "") -> list[DirEntry]:
    """Return what is in the folder of models in the board's file system, or on the card at `mount`."""
    top = board.listdir(mount or board.root or "/")
    if not any(entry.name == MODELS[1:] for entry in top):
        return []
    return board.listdir(f"{mount or board.root}{MODELS}")


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
    if board.sha256(path) is not None and not _OWN_MAIN_PY.match(board.get(path)):
        raise GalagoError(
            "board.main",
            "the board has a main.py that is not Galago's: move it away first, with mpremote fs cp and rm",
        )


def _write(board: Board, configs: dict[str, dict[str, Any]]) -> None:
    """Write config files in one step, and what is outdated of the device package."""
    files = {name: json.dumps(config).encode() for name, config in configs.items()}
    if has_small_form(board):
        clear_memory(board)  # beside a model there is no room for pieces of a file
        package = {path: board.get(board.root + path) for path in (small.ARCHIVE, small.START)}
    else:
        package = device_package(board, kept_native(board))
    UploadPlan(board, package | files, optional=[package]).run()


def _free_folder(
    board: Board,
    model: ModelDirectory,
    known: boards.BoardSpec | None,
    old: dict[str, Any] | None,
    native: str | None,
    mount: str,
) -> str:
    """Return the folder for the model: never one in which another model of its name runs now."""
    usual = remote_path(model)
    if small_form(board, model, known, native):
        return usual  # there is one model
    usual, root = mount + usual, "" if mount else board.root
    for folder, other in ((usual, usual + "~"), (usual + "~", usual)):
        if old is not None and old.get("model") == root + folder:
            contract = model_files(model, known, folder, native)[f"{folder}/{CONTRACT}"]
            same = board.sha256(f"{root}{folder}/{CONTRACT}") == hashlib.sha256(contract).hexdigest()
            return folder if same else other
    return usual
