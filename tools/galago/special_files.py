# SPDX-License-Identifier: MIT
"""FIFOs, sockets and devices where a user names a file: reading one may never end, so they are refused.

special("pipe.png")      # "a FIFO"; None for a file, a folder, and what does not exist
refuse("pipe.png")       # GalagoError file.access: pipe.png is a FIFO, expected a file: …
"""

import stat
from pathlib import Path

from galago.errors import GalagoError

_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def special(path: str | Path) -> str | None:
    """What a path is if it is neither a file nor a folder; None otherwise, and if there is nothing."""
    try:
        return _KINDS.get(stat.S_IFMT(Path(path).stat().st_mode))
    except (OSError, ValueError):  # ValueError: a zero byte in the name
        return None


def refuse(path: str | Path) -> None:
    """Raises GalagoError file.access if a path is a FIFO, a socket or a device."""
    if kind := special(path):
        raise GalagoError(
            "file.access", f"{path} is {kind}, expected a file: save its content in a file first"
        )
