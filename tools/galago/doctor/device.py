# SPDX-License-Identifier: MIT
"""What a connected board says of itself, compared with what is known of its kind."""

from typing import Any

from galago import boards, flash
from galago.boards import BoardSpec
from galago.doctor import Report, parsed
from galago.doctor import models as models_on_board
from galago.errors import GalagoError
from galago.runtimes import MODULES
from galago.transport import Board

_OLDEST = (1, 23)
_CAMERAS = ("camera", "csi", "sensor", "media.sensor")
_BEFORE = {"csi": "sensor"}  # what OpenMV's firmware had until 4.5
_SMALLEST_SHARE = 0.75  # of the known heap, below which this is other firmware than the one that is known

_PROGRAM = """
import gc, json, os, sys
def _look(root, modules):
    gc.collect()
    s = os.statvfs(root)
    found = {"heap": gc.mem_free() + gc.mem_alloc(), "free": gc.mem_free()}
    found["size"], found["room"] = s[1] * s[2], s[0] * s[3]
    try:
        import machine
        hz = machine.freq()
        found["clock_hz"] = hz[0] if isinstance(hz, tuple) else hz
        found["cause"] = machine.reset_cause()
    except (ImportError, AttributeError):
        pass
    try:
        import vfs
        rom = vfs.rom_ioctl(2, 0) if vfs.rom_ioctl(1) > 0 else b""
        found["rom"] = rom.ioctl(4, 0) * rom.ioctl(5, 0) if hasattr(rom, "ioctl") else len(rom)
    except (ImportError, AttributeError, OSError, TypeError):
        found["rom"] = 0
    found["modules"] = []
    for name in modules:
        before = set(sys.modules)
        try:
            __import__(name)
            found["modules"].append(name)
        except (ImportError, OSError, RuntimeError):
            pass
        for new in set(sys.modules) - before:
            del sys.modules[new]
    print(json.dumps(found))
"""


def examine(report: Report, board: Board) -> BoardSpec | None:
    """Adds what a board is and has, then what models.examine says; gives its kind, if that is known."""
    known = boards.identify(board.implementation)
    _identity(report, board, known)
    names = [name for group in (*MODULES.values(), _CAMERAS) for name in group]
    found = parsed(board.exec(f"{_PROGRAM}\n_look({board.root or '/'!r}, {names!r})", timeout=30))
    _memory(report, found, known)
    _modules(report, found["modules"], known)
    _software(report, board, known)
    return known


def _identity(report: Report, board: Board, known: BoardSpec | None) -> None:
    said = board.implementation
    version = said["version"]
    report.fact("board", "machine", said["machine"])
    report.fact("board", "kind", f"{known.id}, {known.name}" if known else "not known")
    report.fact("board", "firmware", f"{said['name']} {'.'.join(map(str, version[:3]))}")
    report.fact("board", "native code", said["arch"] or "none")
    mpy = said["mpy"]
    report.fact("board", ".mpy files", f"{mpy & 0xFF}.{mpy >> 8 & 3}" if mpy else "none")
    if not known:
        report.problem(
            f"no board file describes {said['machine']}",
            "copy a similar file in boards/, as boards/README.md says; flashing works all the same",
        )
    if tuple(version[:2]) < _OLDEST:
        report.problem(
            f"MicroPython {'.'.join(map(str, version[:3]))} is too old, wanted 1.23 or newer",
            "galago flash --micropython IMAGE, with an image from micropython.org/download",
        )
    runs_tflite = not known or "builtin" in known.backends
    if not said["arch"] and runs_tflite:
        report.problem(
            "this firmware loads no native code: the built-in engine cannot run",
            "install the board's usual firmware, or a board file whose backends are other runtimes",
        )


def _memory(report: Report, found: dict[str, Any], known: BoardSpec | None) -> None:
    report.fact("memory", "heap", f"{found['heap']:,} bytes, {found['free']:,} free")
    report.fact("memory", "file system", f"{found['size']:,} bytes, {found['room']:,} free")
    report.fact("memory", "ROMFS", f"{found['rom']:,} bytes" if found["rom"] else "none")
    if found.get("clock_hz"):
        report.fact("board", "clock", f"{found['clock_hz'] / 1e6:g} MHz")
    if known and found["heap"] < _SMALLEST_SHARE * known.heap:
        report.problem(
            f"the heap has {found['heap']:,} bytes, a {known.id} usually has {known.heap:,}",
            "install the firmware that is made for this board, with its external RAM if it has some",
        )
    if found["room"] < 16_384:
        report.problem(
            f"the file system is nearly full: {found['room']:,} bytes are free",
            "remove pictures or old models with mpremote fs rm",
        )


def _modules(report: Report, found: list[str], known: BoardSpec | None) -> None:
    runtimes = [name for name, modules in MODULES.items() if set(modules) & set(found)]
    report.fact("firmware", "runtimes", ", ".join([*runtimes, "builtin (Galago's own)"]))
    cameras = [name for name in _CAMERAS if name in found]
    report.fact("firmware", "camera modules", ", ".join(cameras) or "none")
    if known and known.camera and not {known.camera.module, _BEFORE.get(known.camera.module)} & set(found):
        needed = known.camera.firmware or "the board's usual firmware"
        report.problem(
            f"the board has a camera ({known.camera.sensor}), its firmware lacks the module "
            f"'{known.camera.module}'",
            f"for source 'camera' install a firmware that has it: {needed}; files and host work without",
        )


def _software(report: Report, board: Board, known: BoardSpec | None) -> None:
    try:
        flash.check_main(board)
    except GalagoError as error:
        report.problem("the board has a main.py that is not Galago's", error.message)
    try:
        package = flash.compare(board, flash.device_package(board))
    except GalagoError as error:
        report.problem("the device package cannot be made for this board", error.message)
        return
    states = {0: "not there"} if package.present == 0 else {}
    text = states.get(package.present) or ("current" if not package.differing else "another version")
    report.fact("galago", "device package", f"{text}, {package.present} of {package.total} files")
    if package.interrupted:
        report.problem("a flash was interrupted", "run it again: it uploads the rest")
    elif package.present == 0:
        report.problem("the board has no device package", "galago flash MODEL --port PORT")
        return
    elif package.differing:
        report.problem(
            f"{package.differing} files of the device package are of another version of Galago",
            "galago flash MODEL --port PORT",
        )
    models_on_board.examine(report, board, known)
