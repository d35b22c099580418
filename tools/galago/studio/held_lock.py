# SPDX-License-Identifier: MIT
"""A lock that says whether a process is still there, also to a server that was started after it.

    lock = hold(path)       # in the process; None if another one holds it
    is_held(path)           # in any other

The operating system releases it, however the process ends; unlike its number it is never given to another.
"""

from pathlib import Path
from typing import IO

try:
    import fcntl
except ModuleNotFoundError:  # on Windows
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
else:

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def hold(path: Path) -> IO[bytes] | None:
    """Takes the lock until the returned file is closed or the process ends; None if it is taken."""
    file = path.open("ab")
    try:
        _lock(file)
    except OSError:
        file.close()
        return None
    return file


def is_held(path: Path) -> bool:
    """Whether a process holds the lock."""
    if not path.exists():
        return False
    lock = hold(path)
    if lock is None:
        return True
    lock.close()
    return False
