# SPDX-License-Identifier: MIT
"""The folders of boards, models and firmware, in the checkout or inside the installed package."""

import functools
import os
from pathlib import Path

from galago.errors import GalagoError

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parents[1]


@functools.cache
def _folder(name: str) -> Path:
    # The wheel carries the three folders as galago/share (pyproject.toml); a checkout has them at its root.
    installed = _PACKAGE / "share" / name
    return installed if installed.is_dir() else _CHECKOUT / name


def install_command(extra: str) -> str:
    """The command that installs an extra: from this checkout, or with the package of the index."""
    if (_PACKAGE / "share").is_dir():
        return f"pip install 'galago[{extra}]'"
    return f"pip install -e '{_CHECKOUT}[{extra}]'"


def boards_dir() -> Path:
    """The folder with one TOML file per board."""
    return _folder("boards")


def models_dir() -> Path:
    """The folder with one directory per shipped model."""
    return _folder("models")


def firmware_dir() -> Path:
    """The folder of the code that runs on the board: main.py and the package `mobilenet`."""
    return _folder("firmware")


def cache_dir() -> Path:
    """The folder for what can be computed again: zoo models, what cache.py keeps, answers of teachers.

    The variable GALAGO_CACHE names another one.
    """
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("GALAGO_CACHE") or Path(base) / "galago")


def require_cache() -> None:
    """Makes the folder of `cache_dir`. Raises file.access, which says how to choose another one."""
    try:
        cache_dir().mkdir(parents=True, exist_ok=True)
        writable = os.access(cache_dir(), os.W_OK)
        reason = "" if writable else "Permission denied"
    except OSError as error:
        reason = error.strerror
    if reason:
        raise GalagoError(
            "file.access", f"{cache_dir()}: {reason}: name a folder for Galago's cache in GALAGO_CACHE"
        )
