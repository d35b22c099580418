# SPDX-License-Identifier: MIT
"""Zip files that strangers made: what is in them is listed and read within limits, and never run.

with Archive.open(Path("converted_tflite.zip")) as archive:
    archive.names                          # ["labels.txt", "model.tflite"]
    archive.read("labels.txt")
    archive.extract(folder)                # all of it, for formats that are folders
"""

import contextlib
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from galago.errors import GalagoError

LARGEST = 512 << 20
"""Bytes that the files of an archive may have together, unpacked."""
_MOST_FILES = 20_000
_LINK = 0o120000  # of the Unix mode in the upper half of external_attr
_BROKEN = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError, RuntimeError)
_BLOCK = 1 << 20


class Archive:
    """An open zip. Every error is a GalagoError model.malformed."""

    def __init__(self, path: Path | str, file: zipfile.ZipFile) -> None:
        self._path, self._file = path, file
        entries = [entry for entry in file.infolist() if not entry.is_dir()]
        if len(entries) > _MOST_FILES or sum(entry.file_size for entry in entries) > LARGEST:
            raise self._refused(f"it would unpack to more than {LARGEST >> 20} MiB or {_MOST_FILES:,} files")
        for entry in entries:
            parts = PurePosixPath(entry.filename.replace("\\", "/"))
            if parts.is_absolute() or ".." in parts.parts or ":" in parts.parts[0]:
                raise self._refused(f"its file {entry.filename[:60]!r} points outside of it")
            if entry.external_attr >> 16 & 0o170000 == _LINK:
                raise self._refused(f"its file {entry.filename[:60]!r} is a link")
            if entry.flag_bits & 1:
                raise self._refused("it is encrypted")
        self._entries = {entry.filename: entry for entry in entries}

    @classmethod
    @contextlib.contextmanager
    def open(cls, path: Path) -> Iterator["Archive"]:
        """An archive until the end of the block."""
        try:
            file = zipfile.ZipFile(path)
        except _BROKEN as error:
            raise GalagoError(
                "model.malformed", f"{path}: not a valid zip ({error}): download it again"
            ) from None
        with file:
            yield cls(path, file)

    @property
    def names(self) -> list[str]:
        """The paths of all files, without the folders and files that macOS adds."""
        return [name for name in self._entries if not name.startswith("__MACOSX/")]

    def read(self, name: str) -> bytes:
        """The bytes of a file."""
        entry = self._entries[name]
        try:
            with self._file.open(entry) as file:
                data = file.read(entry.file_size + 1)
        except _BROKEN as error:
            raise self._refused(f"{name[:60]!r} cannot be unpacked ({error})") from None
        if len(data) != entry.file_size:
            raise self._refused(f"{name[:60]!r} is not as large as the archive says")
        return data

    def extract(self, folder: Path) -> None:
        """Unpacks all files below a folder."""
        for name in self.names:
            target = folder / name.replace("\\", "/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self.read(name))

    def _refused(self, reason: str) -> GalagoError:
        return GalagoError(
            "model.malformed", f"{self._path}: {reason}: unpack it yourself and pass the model"
        )
