# SPDX-License-Identifier: MIT
"""The files that belong on a board: the device package and a model. `board.root` comes before their paths."""

import functools
import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from galago import boards, runtimes, small
from galago.errors import GalagoError
from galago.fit import package
from galago.fit.network import Network
from galago.fit.requirements import Requirements
from galago.fit.verdict import check
from galago.flash import bytecode_package, flat_package
from galago.models import ModelDirectory
from galago.native import mpy
from galago.native.compiler import pictures
from galago.native.kernels import GENERATORS
from galago.resources import firmware_dir
from galago.runtimes import builtin
from galago.transport import Board

LIBRARY = "/lib/mobilenet"
PICTURE = f"{LIBRARY}/{pictures.FILE}"
MODELS = "/models"
# Whether the firmware is CanMV for the K230, which loads no machine code and runs models itself.
_HAS_RUNTIME = "try:\n import nncase_runtime\n print(1)\nexcept ImportError:\n print(0)"
# The .mpy format that mpy-cross writes and this device package needs (py/persistentcode.h): version 6.3.
_MPY_VERSION, _MPY_SUB_VERSION = 6, 3


def device_package(board: Board, native: str | None = None) -> dict[str, bytes]:
    """Return the package `mobilenet` compiled for this board: path on the board → bytes of the .mpy.

    `native` is the architecture to compile the picture functions for; without it viper computes. A
    firmware on the K210 gets sources, and only those that the KPU needs (flat_package.py); one that runs
    models itself and loads no machine code gets bytecode (bytecode_package.py).
    Raises GalagoError board.firmware if the board's MicroPython cannot load .mpy files of version 6.3, of
    which bytecode needs the 6 alone.
    """
    if board.has_flat_filesystem:
        return flat_package.package()
    accepted, arch = board.implementation["mpy"], board.implementation["arch"]
    if accepted & 0xFF != _MPY_VERSION or (arch and accepted >> 8 & 3 != _MPY_SUB_VERSION):
        raise GalagoError(
            "board.firmware",
            f"expected a MicroPython that loads .mpy {_MPY_VERSION}.{_MPY_SUB_VERSION} (1.23 or newer), "
            f"got {accepted & 0xFF}.{accepted >> 8 & 3}: install a current MicroPython on the board",
        )
    if not arch and board.exec_int(_HAS_RUNTIME):
        return bytecode_package.package()
    return compiled_package(arch, native)


def compiled_package(arch: str, native: str | None = None) -> dict[str, bytes]:
    """Return the package `mobilenet` compiled for an architecture: path on the board → bytes of the .mpy.

    `native` is as for device_package. Raises GalagoError board.firmware if mpy-cross makes no native code
    for it.
    """
    return dict(_compile_all(arch)) | {PICTURE: pictures.build(native)}


def spare_files(model: ModelDirectory | None, known: boards.BoardSpec | None, camera: bool) -> list[set[str]]:
    """Return the paths of the device package that a board with little room, or with less, can do without.

    They are those of galago.fit.package.spare. `camera` says whether a camera is the source. Without a model
    no operator is needed.
    """
    try:
        plan = Network.of_model(model.tflite.read_bytes()).plan if model else None
    except GalagoError:
        return []  # a model for another runtime: its reason comes from there
    backends = known.backends if known else get_args(boards.Backend)
    eye = known.camera if known else None
    spare = package.spare(plan, backends, camera or eye is not None, eye.module if eye else "")
    return [{_path(source) for source in sources} for sources in spare]


@dataclass(frozen=True)
class Installation:
    """The files that a board gets, by path, and what follows from its room."""

    files: dict[str, bytes]
    optional: list[set[str]]
    """What it can do without (UploadPlan)."""
    small: bool
    """Whether it is the small form of the device package, which holds one model."""


def installation(
    board: Board,
    model: ModelDirectory,
    known: boards.BoardSpec | None,
    native: str | None,
    folder: str | None,
    camera: bool = False,
) -> Installation:
    """Return the device package for a board, and the model; without `folder` that is on the board already.

    `native` is the architecture to generate machine code for, or None; `camera` says whether a camera is the
    source. Raises GalagoError as `device_package` and `model_files` do.
    """
    form = small_form(board, model, known, native)
    if form:
        files = dict(form.package)
        if folder:
            files |= {f"{folder}/{name}": data for name, data in form.model.items()}
        return Installation(files, [], small=True)
    files = device_package(board, native)
    if folder:
        files |= model_files(model, known, folder, native)
    return Installation(files, spare_files(model, known, camera), small=False)


def small_form(
    board: Board, model: ModelDirectory, known: boards.BoardSpec | None, native: str | None
) -> small.SmallForm | None:
    """Return the small form of a model if it fits a board and no other form does, as `galago fit` says."""
    if known is None or native is None or "builtin" not in known.backends or board.has_flat_filesystem:
        return None
    try:
        verdict = check(Requirements.of(model), known)
    except GalagoError:
        return None  # a model for another runtime: its reason comes from there
    if verdict.form != "small" or not verdict.fits:
        return None
    return small.build(model, board.implementation["arch"], native)


def has_small_form(board: Board) -> bool:
    """Return whether a board has the small form of the device package."""
    return not board.has_flat_filesystem and board.sha256(board.root + small.ARCHIVE) is not None


def source_package() -> dict[str, bytes]:
    """Return the package `mobilenet` as mip or a copy by hand installs it: path on the board → source."""
    folder = firmware_dir() / "mobilenet"
    return {
        f"{LIBRARY}/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for path in sorted(folder.rglob("*.py"))
    }


def main_program(board: Board) -> bytes:
    """Return main.py for this board."""
    source = (firmware_dir() / "main.py").read_text(encoding="utf-8")
    return (flat_package.flattened(source, "") if board.has_flat_filesystem else source).encode()


def model_files(
    model: ModelDirectory,
    board: boards.BoardSpec | None = None,
    folder: str | None = None,
    native: str | None = None,
) -> dict[str, bytes]:
    """Return the files of a model that the board needs: path on the board → bytes.

    The contract comes last: a half-uploaded model never looks complete. For a known `board` they include
    what its own runtimes need (galago.runtimes). `native` is the architecture to generate machine code for;
    without it the built-in engine computes in viper.
    """
    folder = folder or remote_path(model)
    prepared = runtimes.prepare(model, board)
    if board is None or "builtin" in board.backends:
        prepared.files |= builtin.prepared(model, native)
    files = runtimes.board_model(model, board, prepared)
    return {f"{folder}/{name}": data for name, data in files.items()}


def native_arch(board: Board, known: boards.BoardSpec | None, kernels: str | None = None) -> str | None:
    """Return the architecture to generate machine code for, or None for viper.

    It is "helium" on a Cortex-M55, which the board's file or the firmware names: MicroPython's own names do
    not tell it from a Cortex-M7. An emulated board runs the code that its emulator knows. `kernels` is
    "viper", "native" or None for the best available. Raises GalagoError usage for anything else, and
    board.kernels if native kernels are requested where there are none.
    """
    arch = board.implementation["kernels"]
    if kernels not in (None, *get_args(boards.Kernels)):
        raise GalagoError(
            "usage", f"expected --kernels {' or '.join(get_args(boards.Kernels))}, got {kernels}"
        )
    if kernels == "viper":
        return None
    if arch in GENERATORS and (known is None or "native" in known.kernels):
        core = known.core if known else board.implementation["machine"]
        return "helium" if boards.has_helium(core) and not board.implementation["emulated"] else arch
    if kernels:
        raise GalagoError(
            "board.kernels",
            f"there is no machine code for {known.id if known else 'this board'} ({arch or 'none'}): "
            "use --kernels viper",
        )
    return None


def kept_native(board: Board) -> str | None:
    """Return the architecture for device_package that keeps what the board has: None if viper computes."""
    viper = hashlib.sha256(pictures.build(None)).hexdigest()
    if board.has_flat_filesystem or board.sha256(board.root + PICTURE) == viper:
        return None
    return native_arch(board, boards.identify(board.implementation))


def remote_path(model: ModelDirectory) -> str:
    """Return a model's folder on the board; `board.root` comes before it."""
    return f"{MODELS}/{model.name}"


@functools.cache
def _compile_all(arch: str) -> tuple[tuple[str, bytes], ...]:
    firmware = firmware_dir()
    sources = [*sorted((firmware / "mobilenet").rglob("*.py")), firmware / "galago_switch.py"]
    with ThreadPoolExecutor() as pool:  # mpy-cross is a process for each file
        compiled = list(pool.map(lambda source: _compile(source, arch), sources))
    return tuple(zip(map(_path, sources), compiled, strict=True))


def _path(source: Path) -> str:
    """Return where the .mpy of a source file of the device package is on a board."""
    return f"/lib/{source.relative_to(firmware_dir()).with_suffix('.mpy').as_posix()}"


def _compile(source: Path, arch: str) -> bytes:
    try:
        return mpy.compile(source, arch)
    except GalagoError as error:
        raise GalagoError(
            "board.firmware",
            f"expected a board that runs native code, got one of architecture '{arch}' ({error.message})",
        ) from error
