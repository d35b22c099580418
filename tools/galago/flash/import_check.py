# SPDX-License-Identifier: MIT
"""Whether `import mobilenet` on a board takes the package that Galago installs.

check_import(board)     # raises GalagoError board.import
"""

import json

from galago.errors import GalagoError
from galago.flash.files import LIBRARY
from galago.transport import Board

# Prints sys.path, and the first `mobilenet` that is found before the library's folder; MicroPython tries a
# folder, then .py, then .mpy (py/builtinimport.c). The empty name is the current folder.
_FIND = """
def _find(library):
    import json, os, sys
    first = None
    for folder in sys.path:
        if folder == library:
            break
        for name in ("mobilenet", "mobilenet.py", "mobilenet.mpy"):
            path = (folder or os.getcwd()).rstrip("/") + "/" + name
            try:
                os.stat(path)
            except OSError:
                continue
            first = first or path
    print(json.dumps([sys.path, first]))
"""


def check_import(board: Board) -> None:
    """Raise GalagoError board.import if another package is imported, or none because sys.path lacks /lib."""
    library = board.root + LIBRARY.rpartition("/")[0]
    answer = board.exec(f"{_FIND}_find({library!r})\ndel _find", repeatable=True)
    try:
        search_path, first = json.loads(answer)
    except ValueError:
        raise GalagoError("port.corrupt", f"{board.port}: the board's answer is garbled: try again") from None
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
