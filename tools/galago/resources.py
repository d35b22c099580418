# SPDX-License-Identifier: MIT
"""Where boards, models and firmware lie: in the checkout, or inside the installed package."""

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parents[1]


def _folder(name: str) -> Path:
    # The wheel carries the three folders as galago/share (pyproject.toml); a checkout has them at its root.
    installed = _PACKAGE / "share" / name
    return installed if installed.is_dir() else _CHECKOUT / name


def boards_dir() -> Path:
    """One TOML file per board."""
    return _folder("boards")


def models_dir() -> Path:
    """One directory per shipped model."""
    return _folder("models")


def firmware_dir() -> Path:
    """What runs on the board: main.py and the package `mobilenet`."""
    return _folder("firmware")


def cache_dir() -> Path:
    """What can be made again: zoo models, what teachers answered. GALAGO_CACHE moves it."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("GALAGO_CACHE") or Path(base) / "galago")
