# SPDX-License-Identifier: MIT
"""What takes long to derive, kept between runs: one small file each in Galago's cache folder.

figures = cache.derive("network", key=model_sha256, compute=lambda: {"macs": ...})

These are figures of `galago fit`, and the machine code of picture functions. An entry is found by its kind,
its key and a digest of everything that can change it: the device package, the compiler and the generators of
machine code, `galago fit` itself, mpy-cross and the interpreter. It starts with the
SHA-256 of the rest, so that a damaged entry is noticed and derived again. Where the folder cannot be written,
everything is derived each time. Entries that no longer apply are removed, the oldest first.
"""

import functools
import hashlib
import importlib.util
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from galago import micropython
from galago.resources import cache_dir, firmware_dir

MOST_ENTRIES = 400
"""At most so many files are kept, of 1 to 100 KB each: about twenty models on all boards."""

_GALAGO = Path(__file__).resolve().parent
_SOURCES = ("fit", "small", "tflite", "native/kernels", "native/compiler", "native/assemblers", "native/mpy")


def derive(kind: str, key: str, compute: Callable[[], Any]) -> Any:
    """The value that `compute` returns, which JSON can hold; computed only if no entry has it.

    Errors that `compute` raises are passed on, and nothing is kept.
    """
    file = _folder() / _digest(kind.encode(), key.encode(), _sources().encode())
    known, value = _read(file)
    if not known:
        value = compute()
        _write(file, json.dumps(value).encode())
    return value


def _folder() -> Path:
    return cache_dir() / "derived"


def _read(file: Path) -> tuple[bool, Any]:
    """Whether the entry exists and is undamaged, and its value."""
    try:
        digest, _, text = file.read_bytes().partition(b"\n")
    except OSError:
        return False, None
    if digest.decode(errors="replace") != _digest(text):
        return False, None
    return True, json.loads(text)


def _write(file: Path, text: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _make_room(file.parent)
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix="new-")
        with open(descriptor, "wb") as new:
            new.write(f"{_digest(text)}\n".encode() + text)
        os.replace(name, file)  # another process sees the whole entry or none
    except OSError:
        return  # a full or read-only disk: the value is derived again next time


def _make_room(folder: Path) -> None:
    entries = list(folder.iterdir())
    if len(entries) >= MOST_ENTRIES:
        entries.sort(key=lambda entry: entry.stat().st_mtime)
        for entry in entries[: len(entries) - MOST_ENTRIES * 3 // 4]:
            entry.unlink(missing_ok=True)


@functools.cache
def _sources() -> str:
    """The SHA-256 of the sources and of the programs that entries depend on."""
    files = sorted(firmware_dir().rglob("*.py"))
    for name in _SOURCES:
        files += sorted((_GALAGO / name).rglob("*.py"))
    parts = [part for file in files for part in (str(file).encode(), file.read_bytes())]
    return _digest(
        *parts, *map(_program, ("mpy_cross", "micropython_unix")), _stamp(micropython.own_binary())
    )


def _program(package: str) -> bytes:
    """What identifies the installed version of a package with a program."""
    found = importlib.util.find_spec(package)
    return _stamp(found.origin or "") if found else b""


def _stamp(file: str) -> bytes:
    try:
        status = Path(file).stat()
    except OSError:
        return file.encode()
    return f"{file} {status.st_size} {status.st_mtime_ns}".encode()


def _digest(*parts: bytes) -> str:
    """The SHA-256 of the parts, each preceded by its length, in hexadecimal."""
    sha = hashlib.sha256()
    for part in parts:
        sha.update(b"%d:" % len(part))
        sha.update(part)
    return sha.hexdigest()
