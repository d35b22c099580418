# SPDX-License-Identifier: MIT
"""Give a board the files that it should have: upload what differs, then switch to it in one step.

    plan = UploadPlan(board, device_package(board) | model_files(model))
    plan.run(on_progress=lambda path, done: ...)

New files are uploaded beside the old ones as PATH.new and hashed on the board; then one rename there switches
to all of them at once (firmware/galago_switch.py). A plan that is made again after an interruption finds what
has arrived and uploads the rest.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import NamedTuple

from galago.errors import GalagoError
from galago.flash.files import LIBRARY, MODELS
from galago.flash.import_check import check_import
from galago.resources import firmware_dir
from galago.transport import Board

_SPARE_BLOCKS = {512: 16}  # for folders, by the size of blocks; elsewhere 4
_ATTEMPTS = 3  # per file, if its bytes change on the way or an answer is lost
NO_FILESYSTEM = "the board has no file system that could hold files"
MAKE_FILESYSTEM = (
    "erase its flash and install its MicroPython again, which formats it, or insert a formatted SD card"
)
_DIGITS = 10  # of a file's size
_BATCH = 12  # paths in one question to the board

# _survey prints size and SHA-256 of each path and of its .new ("-": no such file), _walk all paths below one.
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
class _FileState:
    """A file on a board: sizes in bytes, SHA-256 in hexadecimal or "-" if there is none."""

    sha256: str
    new_size: int
    new_sha256: str


class _Survey(NamedTuple):
    """What is on a board, as far as it matters to an upload."""

    states: dict[str, _FileState]
    existing: list[str]
    """The paths of the package's and the models' files."""
    block: int
    """The size in bytes of the blocks that files take: 4,096 on a LittleFS, 512 on most FAT file systems."""
    free: int


class UploadPlan:
    """What to upload and what to remove, so that a board holds exactly these files.

    `files` maps paths on the board to bytes. Other files of the device package are stale and removed; other
    models and anything else on the board stay. An interrupted switch is completed first. Where there is no
    room for all files, those in the first set of `optional` are left out, or else in the next one, unless
    some version of them is on the board.
    """

    def __init__(
        self,
        board: Board,
        files: dict[str, bytes],
        on_compare: Callable[[int, int], None] = lambda done, total: None,
        optional: Sequence[Collection[str]] = (),
    ) -> None:
        """Compare with what is on the board; `on_compare` gets how many of how many files are compared.

        Raises GalagoError board.full if the upload would not fit, board.filesystem if there is nowhere to put
        it, board.import if the board would not import the package from there.
        """
        self._board = board
        if not board.has_filesystem():
            raise GalagoError("board.filesystem", f"{NO_FILESYSTEM}: {MAKE_FILESYSTEM}")
        if not board.has_flat_filesystem and any(path.startswith(LIBRARY) for path in files):
            check_import(board)
        self._switch_program = (firmware_dir() / "galago_switch.py").read_text(encoding="utf-8")
        board.exec(f"{self._switch_program}\nfinish()", timeout=60, repeatable=True)
        files = {board.root + path: data for path, data in files.items()}
        survey = _survey(board, list(files), on_compare)
        self.left_out: list[str] = []
        """The optional files for which there is no room."""
        self._compare(files, survey)
        missing = [path for path in self.upload if survey.states[path].sha256 == "-"]
        for names in optional:
            if self._needed(survey.block) <= survey.free:
                break
            self.left_out = [path for path in missing if path.removeprefix(board.root) in names]
            self._compare({path: files[path] for path in files if path not in self.left_out}, survey)
        self._check_space(survey)

    @property
    def total(self) -> int:
        """Number of bytes to upload."""
        return sum(len(data) - self._offsets[path] for path, data in self.upload.items())

    @property
    def empty(self) -> bool:
        """Whether the board is up to date already."""
        return not self._switch and not self.remove

    def _compare(self, files: dict[str, bytes], survey: "_Survey") -> None:
        """Find out what differs from the files on the board."""
        states = survey.states
        self._switch = [path for path, data in files.items() if states[path].sha256 != _sha256(data)]
        missing = [path for path in self._switch if states[path].new_sha256 != _sha256(files[path])]
        self.upload = {path: files[path] for path in missing}
        """Files that have not been uploaded yet, not even beside the old file: path → bytes."""
        self.remove = sorted(_stale(survey.existing, set(files), set(self._switch), self._board.root))
        self._offsets = {path: _arrived(states[path], data) for path, data in self.upload.items()}

    def _needed(self, block: int) -> int:
        """Return the bytes that the upload takes in blocks of `block` bytes."""
        # Replaced files keep their space until the switch; each new file takes whole blocks.
        sizes = [len(data) - self._offsets[path] for path, data in self.upload.items()]
        spare = _SPARE_BLOCKS.get(block, 4)
        return block * (sum(-(-size // block) for size in sizes) + spare) if sizes else 0

    def _check_space(self, survey: "_Survey") -> None:
        needed = self._needed(survey.block)
        if needed > survey.free:
            raise GalagoError(
                "board.full",
                f"upload needs {needed:,} bytes, the board's file system has {survey.free:,} free: "
                f"remove old models under {self._board.root}{MODELS}, all of them by galago flash --replace, "
                "or use a smaller model",
            )

    def run(self, on_progress: Callable[[str, int], None] = lambda path, done: None) -> None:
        """Upload, switch and remove. `on_progress` gets a path and the number of bytes uploaded so far."""
        board, done = self._board, 0
        for folder in sorted({str(PurePosixPath(path).parent) for path in self.upload}):
            board.makedirs(folder)
        for path, data in self.upload.items():
            before = done
            self._put(path, data, lambda sent, path=path, before=before: on_progress(path, before + sent))
            done += len(data) - self._offsets[path]
            on_progress(path, done)
        if not self.empty:
            commit = f"commit({json.dumps(self._switch)}, {json.dumps(self.remove)})"
            board.exec(f"{self._switch_program}\n{commit}", timeout=60, repeatable=True)

    def _put(self, path: str, data: bytes, progress: Callable[[int], None]) -> None:
        offset = self._offsets[path]
        for attempt in range(_ATTEMPTS):
            try:
                digest = self._board.upload(data[offset:], path + ".new", offset, progress)
            except GalagoError as error:
                if error.code != "port.timeout" or attempt == _ATTEMPTS - 1:
                    raise
                offset = self._arrived_now(path, data, error)
                continue
            if digest == _sha256(data):
                return
            offset = 0  # the file's beginning was not what it seemed to be
        raise GalagoError(
            "port.corrupt", f"{path} changed on its way to the board, {_ATTEMPTS} times: try a shorter cable"
        )

    def _arrived_now(self, path: str, data: bytes, lost: GalagoError) -> int:
        """Return how many bytes of a file the board has; raises `lost`, the error before, if it is gone."""
        try:
            self._board.interrupt()
            self._board.exec(_SURVEY)
            state = _parse_survey(
                [path], self._board.exec(f"_survey([{path!r}])", timeout=60), self._board.port
            )
        except GalagoError:
            raise lost from None
        return _arrived(state[path], data)


@dataclass(frozen=True)
class Comparison:
    """How a set of files compares with those on a board: how many there are, are present, and differ."""

    total: int
    present: int
    differing: int
    interrupted: bool
    """Whether parts of an upload, or an unfinished switch, are on the board."""


def compare(board: Board, files: dict[str, bytes]) -> Comparison:
    """Compare `files`, path → bytes, with those on the board, where nothing is changed."""
    survey = _survey(board, [board.root + path for path in files])
    present = {path: state for path, state in survey.states.items() if state.sha256 != "-"}
    differing = sum(
        state.sha256 != _sha256(files[path[len(board.root) :]]) for path, state in present.items()
    )
    unfinished = any(path.endswith(".new") for path in survey.existing)
    return Comparison(len(files), len(present), differing, unfinished)


def _arrived(state: _FileState, data: bytes) -> int:
    """Return how many bytes of `data` are in the .new file already."""
    begun = state.new_size and state.new_sha256 == _sha256(data[: state.new_size])
    return state.new_size if begun else 0


def _stale(existing: list[str], wanted: set[str], switch: set[str], root: str) -> list[str]:
    """Return the files that no longer belong to the package, and what earlier uploads left behind."""
    return [
        path
        for path in existing
        if path not in wanted
        and path.removesuffix(".new") not in switch
        and (path.startswith(root + LIBRARY) or path.endswith((".new", ".part")))
    ]


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _survey(
    board: Board, paths: list[str], tick: Callable[[int, int], None] = lambda done, total: None
) -> _Survey:
    """Compare `paths`, and look for what else is there."""
    board.exec(_SURVEY, repeatable=True)
    states = {}
    for start in range(0, len(paths), _BATCH):
        batch = paths[start : start + _BATCH]
        answer = board.exec(f"_survey({batch!r})", timeout=60, repeatable=True)
        states |= _parse_survey(batch, answer, board.port)
        tick(len(states), len(paths))
    folders = () if board.has_flat_filesystem else (board.root + LIBRARY, board.root + MODELS)
    walk = "\n".join(f"_walk({folder!r})" for folder in folders)
    existing = board.exec(walk, repeatable=True).splitlines()
    board.exec("del _hash, _survey, _walk")
    return _Survey(states, existing, *board.space())


def _parse_survey(paths: list[str], answer: str, port: str) -> dict[str, _FileState]:
    """Parse what _survey printed, a line for each path. Raises GalagoError port.corrupt."""
    states = {}
    try:
        for path, line in zip(paths, answer.splitlines(), strict=True):
            _, sha256, new_size, new_sha256 = line.split()
            states[path] = _FileState(sha256, int(new_size[:_DIGITS]), new_sha256)
    except ValueError:
        raise GalagoError("port.corrupt", f"{port}: the board's answer is garbled: try again") from None
    return states
