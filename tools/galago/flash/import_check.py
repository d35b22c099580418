# SPDX-License-Identifier: MIT
"""Whether a board imports the package that Galago installs, and MicroPython's own modules for it.

check_import(board)     # raises GalagoError board.import
"""

from galago.errors import GalagoError
from galago.flash.files import LIBRARY
from galago.transport import Board

# What the device package and mpremote use of the firmware's modules that a file can hide.
_NEEDED = {
    "array": "array",
    "binascii": "hexlify",
    "hashlib": "sha256",
    "io": "StringIO",
    "json": "loads",
    "os": "listdir",
    "struct": "unpack",
    "time": "ticks_us",
}

# Prints sys.path, the name of a hidden module and the file that hides it, and the first `mobilenet` that is
# found before the library's folder; MicroPython tries a folder, then .py, then .mpy (py/builtinimport.c). The
# empty name is the current folder. A file that extends the module does no harm, such as micropython-lib's.
_FIND = """
def _find(library, needed):
    import os, sys
    def file_of(module, folder):
        for name in (module, module + ".py", module + ".mpy"):
            path = (folder or os.getcwd()).rstrip("/") + "/" + name
            try:
                os.stat(path)
                return path
            except OSError:
                pass
    def complete(module, name):
        try:
            return hasattr(__import__(module), name)
        except Exception:
            return False
    hidden = first = None
    before = True
    for folder in sys.path:
        before = before and folder != library
        if folder == ".frozen":
            continue
        for module in needed:
            path = None if complete(module, needed[module]) else file_of(module, folder)
            hidden = hidden or (path and [module, path])
        if before:
            first = first or file_of("mobilenet", folder)
    for folder in sys.path:
        print("path", folder)
    if hidden:
        print("hidden", *hidden)
    if first:
        print("first", first)
"""


def check_import(board: Board) -> None:
    """Raise GalagoError board.import if another package is imported, or none because sys.path lacks /lib."""
    library = board.root + LIBRARY.rpartition("/")[0]
    # A hidden `os` leaves the board without a list of its files: mpremote cannot work with it either.
    answer = board.exec(f"{_FIND}_find({library!r}, {_NEEDED!r})\ndel _find", repeatable=True)
    lines = [line.partition(" ") for line in answer.splitlines()]
    search_path = [folder for key, _, folder in lines if key == "path"]
    if not search_path:
        raise GalagoError("port.corrupt", f"{board.port}: the board's answer is garbled: try again")
    hidden = next((text.split(" ", 1) for key, _, text in lines if key == "hidden" and " " in text), None)
    first = next((path for key, _, path in lines if key == "first"), "")
    if hidden:
        module, path = hidden
        renamed = path.replace(module, f"my_{module}")
        raise GalagoError(
            "board.import",
            f"{path} hides MicroPython's module {module}, which Galago needs: rename it, with "
            f"mpremote exec \"import os; os.rename('{path}', '{renamed}')\" and a reset",
        )
    if first:
        raise GalagoError(
            "board.import",
            f"the board imports {first} in place of {board.root}{LIBRARY}, where Galago's package is: "
            f"remove it with mpremote fs rm -r :{first}",
        )
    if library not in search_path:
        raise GalagoError(
            "board.import",
            f"the board imports nothing from {library}, which is missing from its sys.path {search_path}: "
            f"add the line `import sys; sys.path.append({library!r})` to its boot.py",
        )
