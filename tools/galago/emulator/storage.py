# SPDX-License-Identifier: MIT
"""The flash of an emulated board: an image of its file system in a file of the host."""

import fcntl
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from galago import special_files
from galago.emulator import system
from galago.errors import GalagoError

if TYPE_CHECKING:
    from galago.emulator.card import Card

BLOCK = 4096  # bytes; the flash sector of rp2 and esp32, and of device/_flash.py


class Storage:
    """Bytes that outlive resets, and with a path also the process."""

    def __init__(self, size: int, path: Path | None = None) -> None:
        """Open or create the image at `path`; without a path it is a temporary file.

        Raises GalagoError board.storage if the file has another size, is in use or is not writable.
        """
        self.blocks = size // BLOCK
        if path is None:
            with tempfile.TemporaryFile() as file:
                self.descriptor = os.dup(file.fileno())
        else:
            self.descriptor = self._open(path, size)
        try:  # now, so that no write fails later on a full disk of the host
            system.reserve(self.descriptor, size)
        except OSError as error:
            os.close(self.descriptor)
            raise GalagoError(
                "disk.full",
                f"{path or 'the folder for temporary files'}: {error.strerror}: the board's file system "
                f"needs {size:,} bytes",
            ) from error

    def close(self) -> None:
        """Close the image and release its lock."""
        os.close(self.descriptor)

    @staticmethod
    def _open(path: Path, size: int) -> int:
        special_files.refuse(path)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise GalagoError("board.storage", f"{path}: {error.strerror}: choose a writable file") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise GalagoError(
                "board.storage", f"{path} is in use by another emulated board: stop it or choose another file"
            ) from error
        found = os.fstat(descriptor).st_size
        if found not in (0, size):
            os.close(descriptor)
            raise GalagoError(
                "board.storage",
                f"{path} has {found:,} bytes, the board's file system has {size:,}: choose another file",
            )
        return descriptor


class Storages(NamedTuple):
    """What outlives a reset of an emulated board."""

    flash: Storage
    rom: Storage | None
    card: "Card | None"
