# SPDX-License-Identifier: MIT
"""The photos of a sweep, for workers on other computers: a folder that all of them see, or an archive.

photos = PhotoSet.of(Path("photos"))            # its digest: the names and sizes of all pictures
archive = photos.pack()                         # bytes of an uncompressed tar
folder = photos.find()                          # the folder on this computer, None if it is not here
folder = photos.unpack(archive)                 # once per computer, below the folder for temporary files
"""

import hashlib
import io
import os
import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from galago import dataset
from galago.errors import GalagoError

SCRATCH = "galago-sweep"
"""The folder, below that for temporary files, in which workers keep photos and trainings."""


@dataclass(frozen=True)
class PhotoSet:
    """A folder of photos as it is where the sweep was started."""

    folder: Path
    digest: str

    @classmethod
    def of(cls, folder: Path) -> "PhotoSet":
        """The photos below a folder. Raises dataset.missing or dataset.empty."""
        return cls(folder.resolve(), _digest(folder))

    def find(self) -> Path | None:
        """The folder with these photos on this computer, if it has one."""
        for folder in (self.folder, self._unpacked):
            if folder.is_dir() and _digest(folder) == self.digest:
                return folder
        return None

    def pack(self) -> bytes:
        """Returns an uncompressed tar of all pictures; those that workers need and nothing else."""
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w") as archive:
            for path in dataset.picture_files(self.folder):
                archive.add(path, path.relative_to(self.folder).as_posix())
        return file.getvalue()

    def unpack(self, archive: bytes) -> Path:
        """Writes the photos to this computer. Raises OSError, such as that of a full disk."""
        target = self._unpacked
        own_scratch()
        part = Path(tempfile.mkdtemp(prefix="part-", dir=target.parent))
        try:
            with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
                tar.extractall(part, filter="data")
            part.rename(target)  # complete, or not there
        except OSError:
            if not target.is_dir():  # unless another worker was first
                raise
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return target

    @property
    def _unpacked(self) -> Path:
        return scratch() / f"photos-{self.digest[:16]}"


def scratch() -> Path:
    """The folder in which workers of this user keep photos and trainings."""
    owner = f"-{os.getuid()}" if hasattr(os, "getuid") else ""
    return Path(tempfile.gettempdir(), SCRATCH + owner)


def own_scratch() -> None:
    """Makes the folder of `scratch`, for this user alone. Raises file.access if it is another user's."""
    folder = scratch()
    folder.mkdir(mode=0o700, exist_ok=True)
    if hasattr(os, "getuid") and folder.lstat().st_uid != os.getuid():
        raise GalagoError("file.access", f"{folder} belongs to another user: have it removed, or set TMPDIR")


def _digest(folder: Path) -> str:
    """The SHA-256 of the names and sizes of all pictures below a folder."""
    sha = hashlib.sha256()
    for path in dataset.picture_files(folder):
        sha.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\n".encode())
    return sha.hexdigest()
