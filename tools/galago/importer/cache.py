# SPDX-License-Identifier: MIT
"""Where a model is kept that a verb imports on the fly, so that it is imported once.

importer.cache_path(Path("trained.tflite"))       # ~/.cache/galago/imported/trained-5f2c…
"""

import hashlib
import os
from pathlib import Path

from galago import __version__
from galago.resources import cache_dir, firmware_dir

_MOST = 20_000  # files of a folder
_BLOCK = 1 << 20
_BESIDE = (".txt", ".json", ".csv")  # files beside a model that may be its labels


def cache_path(path: Path) -> Path:
    """The model directory in Galago's cache for a file or folder with its present content.

    It changes with the content of the model, of label files beside it, and of the device package.
    """
    digest = hashlib.sha256(__version__.encode())
    beside = (
        sorted(each for each in path.parent.iterdir() if each.suffix.lower() in _BESIDE)
        if path.is_file()
        else []
    )
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())[:_MOST]
    for file in (*files, *(each for each in beside if each.is_file())):
        status = file.stat()
        digest.update(os.fsencode(file.resolve()))  # a name need not be Unicode
        digest.update(f" {status.st_size} {status.st_mtime_ns}\n".encode())
    for source in sorted((firmware_dir() / "mobilenet" / "tflite").rglob("*.py")):
        digest.update(source.read_bytes())
    return cache_dir() / "imported" / digest.hexdigest()[:24]
