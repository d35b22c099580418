# SPDX-License-Identifier: MIT
"""What a board does at boot: galago.json, which names the model, and main.py, which does what it says.

The config before it is kept as galago.previous.json, with the model that it names: `roll_back` returns to it.
"""

import hashlib
import json
from typing import Any

from galago import boards
from galago.errors import GalagoError
from galago.flash.files import LIBRARY, device_package, main_program, model_files, native_arch, remote_path
from galago.flash.plan import Plan
from galago.models import CONTRACT, ModelDirectory
from galago.transport import Board

CONFIG = "/galago.json"
PREVIOUS = "/galago.previous.json"
WATCHDOG = f"{LIBRARY}/watchdog.mpy"


def boot_plan(
    board: Board,
    model: ModelDirectory,
    settings: dict[str, Any],
    known: boards.BoardSpec | None,
    place: str | None = None,
    kernels: str | None = None,
) -> Plan:
    """What makes a board run `model` at boot as `settings` say (mobilenet.config, less `model`).

    `place` is the model's path where it is on the board already, in its ROMFS; `kernels` is native_arch's
    `wish`. Raises GalagoError board.main where the board has a main.py of its own, not ours to replace.
    """
    check_main(board)
    old = config(board)
    files = device_package(board)
    if place is None:
        native = native_arch(board, known, kernels)
        folder = _free_folder(board, model, known, old, native)
        files |= model_files(model, known, folder, native)
        place = board.root + folder
    new = {"model": place, **settings}
    files["/main.py"] = main_program(board)
    if old is not None and old != new:
        files[PREVIOUS] = json.dumps(old).encode()
    files[CONFIG] = json.dumps(new).encode()
    return Plan(board, files)


def settings_of(known: boards.BoardSpec | None, source: str) -> dict[str, Any]:
    """What galago.json says of a known board: its runtimes in order, LED and display, the camera's pins."""
    settings: dict[str, Any] = {"source": source}
    if known is None:
        return settings
    settings["backends"] = list(known.backends)
    if known.led:
        settings["led"] = known.led
    if known.display:
        settings["display"] = known.display
    if source == "camera" and known.camera and known.camera.pins:
        settings["camera"] = {"pins": known.camera.pins}
    return settings


def roll_back(board: Board) -> str:
    """Returns to the config before, and keeps the present one in its place; the path of its model.

    Raises GalagoError config.missing if there is none, model.missing if its model is gone.
    """
    present, previous = config(board), config(board, PREVIOUS)
    if previous is None or present is None:
        raise GalagoError(
            "config.missing",
            "the board keeps no earlier model: galago flash keeps it when another comes",
        )
    path = str(previous.get("model"))
    if board.sha256(f"{path}/{CONTRACT}") is None:
        raise GalagoError("model.missing", f"the board has no {path} any more: flash that model again")
    files = {CONFIG: previous, PREVIOUS: present}
    Plan(
        board, device_package(board) | {name: json.dumps(each).encode() for name, each in files.items()}
    ).run()
    return path


def config(board: Board, name: str = CONFIG) -> dict[str, Any] | None:
    """A config file of the board; None if it is missing or unusable."""
    if board.sha256(board.root + name) is None:
        return None
    try:
        found = json.loads(board.get(board.root + name))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def forget(board: Board) -> None:
    """Clears the board's memory by a soft reset, and keeps on feeding a watchdog that main.py has started."""
    seconds = (config(board) or {}).get("watchdog")
    board.soft_reset()
    if isinstance(seconds, int | float) and seconds > 0 and board.sha256(f"{board.root}{WATCHDOG}"):
        board.exec(f"from mobilenet.watchdog import Watchdog\n_dog = Watchdog({seconds})\n_dog.hold()")


def check_main(board: Board) -> None:
    """Raises GalagoError board.main where the board has a main.py that is not Galago's."""
    path = board.root + "/main.py"
    if board.sha256(path) is not None and b"galago.json" not in board.get(path):
        raise GalagoError(
            "board.main",
            "the board has a main.py that is not Galago's: move it away first, with mpremote fs cp and rm",
        )


def _free_folder(
    board: Board,
    model: ModelDirectory,
    known: boards.BoardSpec | None,
    old: dict[str, Any] | None,
    native: str | None,
) -> str:
    """Where the model goes: never over another one of the same name that the board runs now."""
    usual = remote_path(model)
    for folder, other in ((usual, usual + "~"), (usual + "~", usual)):
        if old is not None and old.get("model") == board.root + folder:
            contract = model_files(model, known, folder, native)[f"{folder}/{CONTRACT}"]
            same = board.sha256(f"{board.root}{folder}/{CONTRACT}") == hashlib.sha256(contract).hexdigest()
            return folder if same else other
    return usual
