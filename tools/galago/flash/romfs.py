# SPDX-License-Identifier: MIT
"""A model in a board's ROMFS, where its weights are used in place: an aligned image, written by mpremote.

image = romfs.build_image({"models/small/model.tflite": data, "models/small/model.json": contract})
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
from typing import IO, NamedTuple, cast

from galago.errors import GalagoError
from galago.transport import Board
from galago.transport.mpremote_adapter import RomWriter

FOLDER = "/rom"
_ALIGNMENT = 16  # bytes: word loads from a misaligned file fault on some cores
_PASSES = 50
_PATIENCE = 600.0  # seconds for a deployment

_INSPECT = """
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


class BoardRomfs(NamedTuple):
    """A board's ROMFS: the size of its partition in bytes, 0 if it has none, and the names at its top."""

    size: int
    names: tuple[str, ...]

    @property
    def usable(self) -> bool:
        """Whether the board has a ROMFS that holds nobody else's files."""
        return self.size > 0 and set(self.names) <= {"models"}


def inspect(board: Board) -> BoardRomfs:
    """Return what ROMFS a board has."""
    size = board.exec_int(f"{_INSPECT}\nprint(_rom())")
    return BoardRomfs(size, tuple(board.exec("for name in _names(): print(name)").splitlines()))


def build_image(files: dict[str, bytes]) -> bytes:
    """Return a ROMFS of `files`, path → bytes, whose contents start at multiples of 16 bytes.

    Raises GalagoError board.romfs if they cannot be aligned.
    """
    padding = dict.fromkeys(files, 0)
    for _ in range(_PASSES):
        data = _write(files, padding)
        offsets = {path: _offset(data, files, path) for path in files}
        misaligned = [path for path in files if offsets[path] % _ALIGNMENT]
        if not misaligned:
            return data
        # Padding moves everything behind it: one file at a time.
        first = min(misaligned, key=lambda path: offsets[path])
        padding[first] = (padding[first] - offsets[first]) % _ALIGNMENT
    raise GalagoError("board.romfs", f"{next(iter(files))} cannot be placed in a ROMFS: flash --no-romfs")


def deploy(port: str, data: bytes, on_progress: Callable[[int], None] = lambda done: None) -> None:
    """Replace the board's ROMFS. Raises GalagoError board.romfs with mpremote's last line if it fails."""
    with tempfile.TemporaryDirectory(prefix="galago-") as folder:
        file = Path(folder) / "galago.romfs"
        file.write_bytes(data)
        command = [sys.executable, "-m", "mpremote", "connect", port, "resume", "romfs", "deploy", str(file)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            pipe, output = cast(IO[bytes], process.stdout).fileno(), b""
            while piece := os.read(pipe, 256):
                output = (output + piece)[-1000:]
                if offsets := re.findall(rb"Writing at offset (\d+)", output):
                    on_progress(min(len(data), int(offsets[-1])))
            status = process.wait(_PATIENCE)
    if status or b"deployed" not in output:
        last = (output.decode(errors="replace").strip().splitlines() or ["nothing"])[-1]
        raise GalagoError(
            "board.romfs",
            f"mpremote romfs deploy failed on {port}, {last}: try again, or flash --no-romfs",
        )
    on_progress(len(data))


def _write(files: dict[str, bytes], padding: dict[str, int]) -> bytes:
    writer = RomWriter()
    _write_folder(writer, {path: PurePosixPath(path).parts for path in files}, 0, files, padding)
    return writer.image()


def _write_folder(
    writer: RomWriter,
    content: dict[str, tuple[str, ...]],
    depth: int,
    files: dict[str, bytes],
    padding: dict[str, int],
) -> None:
    """Write one folder's content: paths by their parts, of which the first `depth` lead to the folder."""
    for name in sorted({parts[depth] for parts in content.values()}):
        below = {path: parts for path, parts in content.items() if parts[depth] == name}
        (path, parts), *_ = below.items()
        if len(parts) == depth + 1:
            if padding[path]:
                # A record has at least two bytes: for one byte of padding the next multiple is used.
                writer.pad(padding[path] if padding[path] > 1 else _ALIGNMENT + 1)
            writer.mkfile(name, files[path])
        else:
            writer.opendir(name)
            _write_folder(writer, below, depth + 1, files, padding)
            writer.closedir()


def _offset(data: bytes, files: dict[str, bytes], path: str) -> int:
    """Return where a file's content starts: behind its name and the header of the record that holds it."""
    name, content = PurePosixPath(path).name, files[path]
    record = RomWriter().data_record(content)
    return data.index(name.encode() + record) + len(name) + len(record) - len(content)
