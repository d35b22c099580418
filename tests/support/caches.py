# SPDX-License-Identifier: MIT
"""Galago's cache for one test."""

from pathlib import Path

from galago.resources import cache_dir


def own_cache(folder: Path) -> Path:
    """Makes `folder` a cache that holds what other tests have derived (galago.cache) and nothing else.

    Machine code of picture functions takes seconds for each architecture.
    """
    derived = cache_dir() / "derived"
    derived.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True)
    (folder / "derived").symlink_to(derived, target_is_directory=True)
    return folder
