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
from galago.fit import file_system
from galago.flash.files import LIBRARY, MODELS
from galago.flash.import_check import check_import
from galago.resources import firmware_dir
from galago.transport import Board

_SPARE_BLOCKS = 1  # for entries in folders that are not surveyed
_ATTEMPTS = 3  # per file, if its bytes change on the way or an answer is lost
NO_FILESYSTEM = "the board has no file system that could hold files"
MAKE_FILESYSTEM = (
    "erase its flash and install its MicroPython again, which formats it, or insert a formatted SD card"
)
_DIGITS = 10  # of a file's size
_BATCH = 12  # paths in one question to the board

# _survey prints size and SHA-256 of each path and of its .new ("-": no such file), _walk all paths below one:
# those of folders end with a slash.
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
    print(folder + "/")
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
    """The paths of the package's and the models' files, on a card too."""
    folders: set[str]
    """The folders that they are in."""
    block: int
    """The size in bytes of the blocks that files take: 4,096 on a LittleFS, 512 on most FAT file systems."""
    free: int


class NoRoomError(GalagoError):
    """board.full: an upload needs more bytes than a file system has free."""

    def __init__(self, message: str, mount: str, needed: int, free: int, beside: int = 0) -> None:
        super().__init__("board.full", message)
        self.mount = mount
        """Where the card is mounted that is too full; empty for the board's own file system."""
        self.needed, self.free = needed, free
        self.beside = beside
        """The bytes that are needed there if the model goes to a card."""


class UploadPlan:
    """What to upload and what to remove, so that a board holds exactly these files.

    `files` maps paths on the board to bytes. Other files of the device package are stale and removed; other
    models and anything else on the board stay. An interrupted switch is completed first. Where there is no
    room for all files, those in the first set of `optional` are left out, or else in the next one, unless
    some version of them is on the board. With `single` these files hold the only model, and others are stale.
    `board.root` comes before the paths, except those below `mount`, where a card is mounted.
    """

    def __init__(
        self,
        board: Board,
        files: dict[str, bytes],
        on_compare: Callable[[int, int], None] = lambda done, total: None,
        optional: Sequence[Collection[str]] = (),
        single: bool = False,
        mount: str = "",
    ) -> None:
        """Compare with what is on the board; `on_compare` gets how many of how many files are compared.

        Raises NoRoomError if the upload would not fit, GalagoError board.filesystem if there is nowhere to
        put it, board.import if the board would not import the package from there.
        """
        self._board, self.single, self._mount = board, single, mount
        if not board.has_filesystem():
            raise GalagoError("board.filesystem", f"{NO_FILESYSTEM}: {MAKE_FILESYSTEM}")
        if not board.has_flat_filesystem and any(path.startswith(LIBRARY) for path in files):
            check_import(board)
        self._switch_program = (firmware_dir() / "galago_switch.py").read_text(encoding="utf-8")
        board.exec(f"{self._switch_program}\nfinish()", timeout=60, repeatable=True)
        files = {path if self._on_card(path) else board.root + path: data for path, data in files.items()}
        survey = _survey(board, list(files), on_compare, mount)
        self.left_out: list[str] = []
        """The optional files for which there is no room."""
        self._compare(files, survey)
        missing = [path for path in self.upload if survey.states[path].sha256 == "-"]
        for names in optional:
            if self._needed(survey) <= survey.free:
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
        self._files = files
        self._switch = [path for path, data in files.items() if states[path].sha256 != _sha256(data)]
        missing = [path for path in self._switch if states[path].new_sha256 != _sha256(files[path])]
        self.upload = {path: files[path] for path in missing}
        """Files that have not been uploaded yet, not even beside the old file: path → bytes."""
        self.remove = sorted(_stale(survey.existing, set(files), set(self._switch), self._roots()))
        self._offsets = {path: _arrived(states[path], data) for path, data in self.upload.items()}

    def _roots(self) -> tuple[str, ...]:
        """Return the folders in which other files are stale."""
        return tuple(self._board.root + path for path in (LIBRARY, *[MODELS] * self.single))

    def _needed(self, survey: "_Survey", elsewhere: str = "") -> int:
        """Return the bytes that the upload takes in blocks of the board's file system, which a card adds to.

        Files below the folder `elsewhere` are not counted.
        """
        # Replaced files keep their space until the switch; each new file takes whole blocks.
        left = tuple(f"{folder}/" for folder in (self._mount, elsewhere) if folder)
        uploads = [path for path in self.upload if not path.startswith(left)]
        sizes = [len(self.upload[path]) - self._offsets[path] for path in uploads]
        if not sizes:
            return 0
        spare = _SPARE_BLOCKS
        root = self._board.root
        existing = [path for path in survey.existing if not self._on_card(path)]
        present = file_system.entries(path.removeprefix(root) for path in existing)
        for folder, names in file_system.entries(path.removeprefix(root) for path in uploads).items():
            before = present.get(folder, set())
            spare += file_system.folder_blocks(before | names, survey.block)
            if root + folder in survey.folders:
                spare -= file_system.folder_blocks(before, survey.block)
        return survey.block * (sum(-(-size // survey.block) for size in sizes) + spare)

    def _on_card(self, path: str) -> bool:
        return bool(self._mount) and path.startswith(f"{self._mount}/")

    def _check_space(self, survey: "_Survey") -> None:
        needed, models = self._needed(survey), self._board.root + MODELS
        if needed > survey.free:
            smaller = "remove other files from it" if self._mount else "use a smaller model"
            raise NoRoomError(
                f"upload needs {needed:,} bytes, the board's file system has {survey.free:,} free: "
                f"remove old models under {models}, all of them by galago flash --replace, or {smaller}",
                "",
                needed,
                survey.free,
                self._needed(survey, models),
            )
        if self._mount:
            self._check_card()

    def _check_card(self) -> None:
        mount = self._mount
        block, free = self._board.space(mount)
        sizes = [len(data) - self._offsets[path] for path, data in self.upload.items() if self._on_card(path)]
        # Each file has a name and that of its .new in a folder: at most 24 entries of 32 bytes on a FAT.
        needed = sum(block * -(-size // block) + 768 for size in sizes) + 2 * block
        if sizes and needed > free:
            raise NoRoomError(
                f"the model needs {needed:,} bytes, the card at {mount} has {free:,} free: remove files from "
                f"it, or all models under {mount}{MODELS} by galago flash --to {mount} --replace",
                mount,
                needed,
                free,
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
            try:
                board.exec(f"{self._switch_program}\n{commit}", timeout=60, repeatable=True)
            except GalagoError as error:
                if error.code != "board.exec" or not self._mount:
                    raise
                raise self._card_fails() from error
            written = [path for path in self._switch if self._on_card(path)]
            states = _survey(board, written).states if written else {}
            if any(states[path].sha256 != _sha256(self._files[path]) for path in written):
                raise self._card_fails()

    def _card_fails(self) -> GalagoError:
        return GalagoError(
            "board.card",
            f"the card at {self._mount} does not keep what is written to it: insert it again, reset the "
            "board and flash again; if that does not help, format the card",
        )

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


def _stale(existing: list[str], wanted: set[str], switch: set[str], folders: tuple[str, ...]) -> list[str]:
    """Return the files that no longer belong to the package, and what earlier uploads left behind."""
    return [
        path
        for path in existing
        if path not in wanted
        and path.removesuffix(".new") not in switch
        and (path.startswith(folders) or path.endswith((".new", ".part")))
    ]


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _survey(
    board: Board,
    paths: list[str],
    tick: Callable[[int, int], None] = lambda done, total: None,
    mount: str = "",
) -> _Survey:
    """Compare `paths`, and look for what else is there."""
    board.exec(_SURVEY, repeatable=True)
    states = {}
    for start in range(0, len(paths), _BATCH):
        batch = paths[start : start + _BATCH]
        answer = board.exec(f"_survey({batch!r})", timeout=60, repeatable=True)
        states |= _parse_survey(batch, answer, board.port)
        tick(len(states), len(paths))
    roots = () if board.has_flat_filesystem else (board.root + LIBRARY, board.root + MODELS)
    if mount:
        roots += (mount + MODELS,)
    walk = "\n".join(f"_walk({folder!r})" for folder in roots)
    paths = board.exec(walk, repeatable=True).splitlines()
    board.exec("del _hash, _survey, _walk")
    existing = [path for path in paths if not path.endswith("/")]
    folders = [PurePosixPath(path) for path in paths if path.endswith("/")]
    above = {str(each) for folder in folders for each in (folder, *folder.parents)}
    return _Survey(states, existing, above, *board.space())


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
