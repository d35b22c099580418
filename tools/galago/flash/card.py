# SPDX-License-Identifier: MIT
"""An SD card, or another file system that the board's firmware or boot.py mounts beside its own.

card.check(board, "/sd")        # raises GalagoError board.card unless models can be put there
card.mounted(board)             # {"/sd": "ready"}: where a card may be mounted, and its state

A board's models may lie there (`/sd/models/NAME`), but neither its device package nor galago.json.
"""

import re

from galago.errors import GalagoError
from galago.transport import Board
from galago.transport.answers import json_answer

USUAL = ("/sd", "/sdcard")
MOUNT_IT = "insert it, mount it in boot.py (docs/sd-cards.md) and reset the board"
_MOUNT = re.compile(r"/[A-Za-z0-9_-]{1,32}")
_OWN = ("/flash", "/rom", "/remote", "/ram", "/lib", "/models", "/pictures")  # what is no card on any board
_STATES = {
    "home": "the board starts from its card at {0}, where Galago's main.py is not: put an empty file SKIPSD "
    "into {1}, mount the card in boot.py (docs/sd-cards.md) and reset the board",
    "none": "expected a card at {0}, the board has mounted none there: " + MOUNT_IT,
    "silent": "the card at {0} does not answer: insert it again and reset the board",
    "locked": "the card at {0} is read-only: unlock it, or mount it without readonly in boot.py",
    "full": "the card at {0} is full: remove files from it",
}

# MicroPython refuses a rename from one file system to another with EPERM, before it looks for the file. EROFS
# is what a file system says that is mounted read-only, EACCES an old FAT.
_PROBE = """
def _state(path, root, writes):
    import os
    try:
        os.rename(path + "/galago.none", root + "/galago.none")
        return "none"
    except OSError as error:
        if error.errno != 1:
            return "none"
    if (os.getcwd() + "/").startswith(path + "/"):
        return "home"
    name = path + "/galago.part"
    try:
        os.listdir(path)
        if not writes:
            return "ready"
        with open(name, "w") as file:
            file.write("card")
        with open(name) as file:
            file.read()
        os.remove(name)
        return "ready"
    except AttributeError:  # a file system in Python, such as that of the small form
        return "none"
    except OSError as error:
        number = error.errno
        return "locked" if number in (30, 13) else "full" if number == 28 else "silent"
"""
# What is mounted is a folder in "/", as are those of a file system that is mounted at "/" itself.
_LIST = """
def _mounted(own, root):
    import json, os
    names = ["/" + entry[0] for entry in os.ilistdir("/") if entry[1] == 0x4000]
    found = [{"mount": name, "state": _state(name, root, False)} for name in names if name not in own]
    print(json.dumps([each for each in found if each["state"] != "none"]))
"""


def check(board: Board, mount: str) -> None:
    """Raise GalagoError usage if `mount` is no place for a card, board.card if models cannot be put there."""
    if not _MOUNT.fullmatch(mount) or mount in _OWN:
        raise GalagoError("usage", f"expected --to with where a card is mounted, such as /sd, got {mount!r}")
    if board.has_flat_filesystem:
        raise GalagoError("usage", "--to is for boards with folders: flash without it")
    if mount == board.root:
        raise GalagoError("usage", f"{mount} is the board's own file system: flash without --to")
    state = _state(board, mount, writes=True)
    if state != "ready":
        raise GalagoError("board.card", explain(state, mount, board.root))


def explain(state: str, mount: str, root: str) -> str:
    """Return what is wrong with a card in a state other than "ready", and what to do."""
    return _STATES.get(state, _STATES["silent"]).format(mount, root or "/")


def mounted(board: Board) -> dict[str, str]:
    """Return where something is mounted beside the board's own file system, and its state.

    That is "ready", or what is wrong. Nothing is written there: a card that is locked counts as ready.
    """
    if board.has_flat_filesystem:
        return {}
    program = f"{_PROBE}{_LIST}\n_mounted({(*_OWN, board.root)!r}, {board.root!r})\ndel _state, _mounted"
    text = board.exec(program, timeout=30, repeatable=True)
    found = json_answer(board.port, text, [{"mount": str, "state": str}])
    return {each["mount"]: each["state"] for each in found if _MOUNT.fullmatch(each["mount"])}


def place(board: Board, path: str) -> str:
    """Return where the card is mounted that holds the model at a path; empty if none does."""
    mount, _, rest = path[1:].partition("/")
    return "" if f"/{mount}" in (*_OWN, board.root) or not rest.startswith("models/") else f"/{mount}"


def _state(board: Board, mount: str, writes: bool) -> str:
    program = f"{_PROBE}\nprint(_state({mount!r}, {board.root!r}, {writes}))\ndel _state"
    return board.exec(program, timeout=30, repeatable=True).strip()
