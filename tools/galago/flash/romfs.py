# SPDX-License-Identifier: MIT
"""A model in a board's ROMFS, where its weights are used in place: an aligned image, put there by mpremote.

image = romfs.image({"models/small/model.tflite": data, "models/small/model.json": contract})
romfs.deploy(port, image, on_progress)      # the port must be free

Only `/rom/models` is Galago's: a ROMFS that holds anything else is left alone.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from mpremote.romfs import VfsRomWriter

from galago.errors import GalagoError
from galago.transport import Board

FOLDER = "/rom"
_ALIGNMENT = 16  # bytes: word loads from a misplaced file fault on some cores
_PASSES = 50
_PATIENCE = 600.0  # seconds for a deployment

_LOOK = """
import os
def _rom():
    try:
        import vfs
        if vfs.rom_ioctl(1) <= 0:
            return 0
        rom = vfs.rom_ioctl(2, 0)
        return rom.ioctl(4, 0) * rom.ioctl(5, 0) if hasattr(rom, "ioctl") else len(rom)
    except (ImportError, AttributeError, OSError, TypeError):
        return 0
def _names():
    try:
        return os.listdir("/rom")
    except OSError:
        return []
"""


class Rom(NamedTuple):
    """The ROMFS of a board: bytes of its partition, 0 for none, and the names at its top."""

    size: int
    names: tuple[str, ...]

    @property
    def usable(self) -> bool:
        """Whether nobody else has files there."""
        return self.size > 0 and set(self.names) <= {"models"}


def look(board: Board) -> Rom:
    """What ROMFS a board has."""
    size = board.number(f"{_LOOK}\nprint(_rom())")
    return Rom(size, tuple(board.exec("for name in _names(): print(name)").splitlines()))


def image(files: dict[str, bytes]) -> bytes:
    """A ROMFS of these files, path → bytes, whose contents start at multiples of 16 bytes."""
    padding = dict.fromkeys(files, 0)
    for _ in range(_PASSES):
        data = _write(files, padding)
        offsets = {path: _offset(data, files, path) for path in files}
        wrong = [path for path in files if offsets[path] % _ALIGNMENT]
        if not wrong:
            return data
        # What comes later moves too: one at a time.
        first = min(wrong, key=lambda path: offsets[path])
        padding[first] = (padding[first] - offsets[first]) % _ALIGNMENT
    raise GalagoError("board.romfs", f"{next(iter(files))} cannot be placed in a ROMFS: flash --no-romfs")


def deploy(port: str, data: bytes, on_progress: Callable[[int], None] = lambda done: None) -> None:
    """Replaces the board's ROMFS. Raises GalagoError board.romfs with what mpremote says if it fails."""
    with tempfile.TemporaryDirectory(prefix="galago-") as folder:
        file = Path(folder) / "galago.romfs"
        file.write_bytes(data)
        command = [sys.executable, "-m", "mpremote", "connect", port, "resume", "romfs", "deploy", str(file)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            assert process.stdout is not None  # for the type checker
            said = b""
            while piece := os.read(process.stdout.fileno(), 256):
                said = (said + piece)[-1000:]
                if found := re.findall(rb"Writing at offset (\d+)", said):
                    on_progress(min(len(data), int(found[-1])))
            status = process.wait(_PATIENCE)
    if status or b"deployed" not in said:
        last = (said.decode(errors="replace").strip().splitlines() or ["nothing"])[-1]
        raise GalagoError(
            "board.romfs",
            f"mpremote romfs deploy failed on {port}, {last}: try again, or flash --no-romfs",
        )
    on_progress(len(data))


def _write(files: dict[str, bytes], padding: dict[str, int]) -> bytes:
    writer = VfsRomWriter()
    _folder(writer, {path: PurePosixPath(path).parts for path in files}, 0, files, padding)
    if len(writer._dir_stack[0][1]) % 2:
        writer._extend(writer._pack(writer.ROMFS_RECORD_KIND_PADDING, b"\0"))
    # A head of 8 bytes whatever the length, unlike VfsRomWriter.finalise: else files move when it grows.
    body = bytes(writer._dir_stack[0][1])
    length = writer._encode_uint(len(body))
    return writer.ROMFS_HEADER + b"\x80" * (5 - len(length)) + length + body


def _folder(
    writer: VfsRomWriter,
    inside: dict[str, tuple[str, ...]],
    depth: int,
    files: dict[str, bytes],
    padding: dict[str, int],
) -> None:
    """Writes what lies in one folder: paths by their parts, of which `depth` are done."""
    for name in sorted({parts[depth] for parts in inside.values()}):
        below = {path: parts for path, parts in inside.items() if parts[depth] == name}
        (path, parts), *_ = below.items()
        if len(parts) == depth + 1:
            if padding[path]:
                # A record of two bytes and the payload; one byte alone cannot be had.
                size = padding[path] if padding[path] > 1 else _ALIGNMENT + 1
                writer._extend(writer._pack(writer.ROMFS_RECORD_KIND_PADDING, bytes(size - 2)))
            writer.mkfile(name, files[path])
        else:
            writer.opendir(name)
            _folder(writer, below, depth + 1, files, padding)
            writer.closedir()


def _offset(data: bytes, files: dict[str, bytes], path: str) -> int:
    """Where the content of a file starts: behind its name, and the head of the record that holds it."""
    name, content = PurePosixPath(path).name, files[path]
    record = VfsRomWriter()._pack(VfsRomWriter.ROMFS_RECORD_KIND_DATA_VERBATIM, content)
    return data.index(name.encode() + record) + len(name) + len(record) - len(content)
