# SPDX-License-Identifier: MIT
"""From the files that a board has to those that it should have: only what differs, and in one step.

    plan = Plan(board, device_package(board) | model_files(model))
    plan.run(on_progress=lambda path, done: ...)

New files are uploaded beside the old ones as PATH.new and hashed on the board; then one rename there switches
to all of them at once (firmware/galago_switch.py). A plan that is made again after an interruption finds what
has arrived, and uploads the rest.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from galago.errors import GalagoError
from galago.flash.files import LIBRARY, MODELS
from galago.resources import firmware_dir
from galago.transport import Board

_BLOCK = 4096  # bytes of a LittleFS block, of which each file takes at least one
_ATTEMPTS = 3  # at a file whose bytes change on the way
_AT_ONCE = 12  # paths in one question to the board

# Prints size and SHA-256 of each path and of its .new ("-": not there), then other files, then free bytes.
_SURVEY = """
import os
def _hash(path):
    import hashlib
    from binascii import hexlify
    try:
        size = os.stat(path)[6]
        with open(path, "rb") as file:
            sha = hashlib.sha256()
            block = memoryview(bytearray(1024))
            while True:
                count = file.readinto(block)
                if not count:
                    return "%d %s" % (size, hexlify(sha.digest()).decode())
                sha.update(block[:count])
    except OSError:
        return "0 -"
def _survey(paths):
    for path in paths:
        print(_hash(path), _hash(path + ".new"))
def _walk(folder):
    try:
        entries = list(os.ilistdir(folder))
    except OSError:
        return
    for entry in entries:
        path = folder + "/" + entry[0]
        if entry[1] == 0x4000:
            _walk(path)
        else:
            print(path)
"""


@dataclass(frozen=True)
class _File:
    """What a board has of a file: sizes in bytes, hashes in hexadecimal or "-"."""

    sha256: str
    new_size: int
    new_sha256: str


class Plan:
    """What to upload and what to remove, so that a board holds exactly these files.

    `files` maps paths on the board to bytes. Other files of the device package are stale and go; other
    models and whatever else is on the board stay. An interrupted switch is completed first.
    """

    def __init__(self, board: Board, files: dict[str, bytes]) -> None:
        """Looks at the board. Raises GalagoError board.full if there is no room for what is to come."""
        self._board = board
        board.exec((firmware_dir() / "galago_switch.py").read_text() + "\nfinish()", timeout=60)
        files = {board.root + path: data for path, data in files.items()}
        present, found, free = _survey(board, list(files))
        self._switch = [path for path, data in files.items() if present[path].sha256 != _sha256(data)]
        missing = [path for path in self._switch if present[path].new_sha256 != _sha256(files[path])]
        self.upload = {path: files[path] for path in missing}
        """What is not on the board yet, not even beside the old file."""
        self.remove = sorted(_stale(found, set(files), set(self._switch), board.root))
        self._offsets = {path: _arrived(present[path], data) for path, data in self.upload.items()}
        self._check_space(free)

    @property
    def total(self) -> int:
        """Bytes to upload."""
        return sum(len(data) - self._offsets[path] for path, data in self.upload.items())

    @property
    def empty(self) -> bool:
        """Whether the board is as it should be already."""
        return not self._switch and not self.remove

    def _check_space(self, free: int) -> None:
        # Replaced files keep their space until the switch; each new file takes whole blocks.
        sizes = [len(data) - self._offsets[path] for path, data in self.upload.items()]
        needed = _BLOCK * (sum(-(-size // _BLOCK) for size in sizes) + 4)
        if self.upload and needed > free:
            raise GalagoError(
                "board.full",
                f"upload needs {needed:,} bytes, the board's file system has {free:,} free: "
                f"remove old models under {self._board.root}{MODELS}, or take a smaller model",
            )

    def run(self, on_progress: Callable[[str, int], None] = lambda path, done: None) -> None:
        """Uploads, switches and removes. `on_progress` gets a path and the bytes uploaded so far."""
        board, done = self._board, 0
        for folder in sorted({str(PurePosixPath(path).parent) for path in self.upload}):
            board.makedirs(folder)
        for path, data in self.upload.items():
            before = done
            self._put(path, data, lambda sent, path=path, before=before: on_progress(path, before + sent))
            done += len(data) - self._offsets[path]
            on_progress(path, done)
        if not self.empty:
            board.exec(f"commit({json.dumps(self._switch)}, {json.dumps(self.remove)})", timeout=60)

    def _put(self, path: str, data: bytes, progress: Callable[[int], None]) -> None:
        offset = self._offsets[path]
        for _ in range(_ATTEMPTS):
            digest = self._board.upload(data[offset:], path + ".new", offset, progress)
            if digest == _sha256(data):
                return
            offset = 0  # what lies there is not what it seemed to be
        raise GalagoError(
            "port.corrupt", f"{path} changed on its way to the board, {_ATTEMPTS} times: try a shorter cable"
        )


@dataclass(frozen=True)
class Comparison:
    """Of some files with what a board has of them: how many, how many are there, how many of those differ."""

    total: int
    present: int
    differing: int
    interrupted: bool
    """Whether parts of an upload, or an unfinished switch, lie on the board."""


def compare(board: Board, files: dict[str, bytes]) -> Comparison:
    """Looks only: nothing is changed on the board."""
    present, found, _ = _survey(board, [board.root + path for path in files])
    there = {path: file for path, file in present.items() if file.sha256 != "-"}
    differing = sum(file.sha256 != _sha256(files[path[len(board.root) :]]) for path, file in there.items())
    left = any(path.endswith(".new") for path in found)
    return Comparison(len(files), len(there), differing, left)


def _arrived(file: _File, data: bytes) -> int:
    """How many bytes of `data` lie in the .new already."""
    begun = file.new_size and file.new_sha256 == _sha256(data[: file.new_size])
    return file.new_size if begun else 0


def _stale(found: list[str], wanted: set[str], switch: set[str], root: str) -> list[str]:
    """Files of the package that belong to it no more, and what earlier uploads left behind."""
    return [
        path
        for path in found
        if path not in wanted
        and path.removesuffix(".new") not in switch
        and (path.startswith(root + LIBRARY) or path.endswith((".new", ".part")))
    ]


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _survey(board: Board, paths: list[str]) -> tuple[dict[str, _File], list[str], int]:
    """What the board has of each path, the files of the package and of models, and the free bytes."""
    board.exec(_SURVEY)
    present = {}
    for start in range(0, len(paths), _AT_ONCE):
        some = paths[start : start + _AT_ONCE]
        present |= _answers(some, board.exec(f"_survey({some!r})", timeout=60), board.port)
    folders = () if board.flat else (board.root + LIBRARY, board.root + MODELS)
    found = board.exec("\n".join(f"_walk({folder!r})" for folder in folders)).splitlines()
    free = board.number(f"s = os.statvfs({board.root or '/'!r}); print(s[0] * s[3])")
    board.exec("del _hash, _survey, _walk")
    return present, found, free


def _answers(paths: list[str], said: str, port: str) -> dict[str, _File]:
    """What _survey printed, a line for each path."""
    present = {}
    try:
        for path, line in zip(paths, said.splitlines(), strict=True):
            _, sha256, new_size, new_sha256 = line.split()
            present[path] = _File(sha256, int(new_size), new_sha256)
    except ValueError:
        raise GalagoError("port.corrupt", f"{port}: the board's answer is garbled: try again") from None
    return present
