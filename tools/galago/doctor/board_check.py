# SPDX-License-Identifier: MIT
"""What a connected board says about itself, compared with what its board file says."""

from typing import Any

from galago import boards, flash, small
from galago.boards import BoardSpec
from galago.doctor import Report, model_check
from galago.errors import GalagoError
from galago.flash import card
from galago.runtimes import MODULES
from galago.small import archive
from galago.transport import Board
from galago.transport.answers import json_answer

_OLDEST = (1, 23)
_CAMERAS = ("camera", "csi", "sensor", "media.sensor")
_OLDER_NAMES = {"csi": "sensor"}  # the module of OpenMV's firmware until 4.5
_SMALLEST_SHARE = 0.75  # of the usual heap: with less, this is not the usual firmware

_PROGRAM = """
import gc, json, os, sys
def _look(root, modules):
    gc.collect()
    s = os.statvfs(root)
    found = {"heap": gc.mem_free() + gc.mem_alloc(), "free": gc.mem_free()}
    found["size"], found["room"] = s[1] * s[2], s[0] * (s[3] if s[3] <= s[2] else 0)
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
_SIZES = dict.fromkeys(("heap", "free", "size", "room", "rom", "clock_hz?", "cause?"), int)
_FINDINGS = _SIZES | {"modules": [str]}


def examine(report: Report, board: Board) -> BoardSpec | None:
    """Report what a board is and has, and on its model; returns its kind, or None if that is not known."""
    known = boards.identify(board.implementation)
    _identity(report, board, known)
    names = [name for group in (*MODULES.values(), _CAMERAS) for name in group]
    text = board.exec(f"{_PROGRAM}\n_look({board.root or '/'!r}, {names!r})", timeout=30)
    answer = json_answer(board.port, text, _FINDINGS)
    if board.implementation["emulated"]:  # its heap has twice the bytes, for objects of twice the size
        answer |= {name: answer[name] // 2 for name in ("heap", "free")}
    _memory(report, answer, known)
    _modules(report, answer["modules"], known)
    _cards(report, board)
    if answer["size"]:
        _software(report, board, known)
    return known


def _identity(report: Report, board: Board, known: BoardSpec | None) -> None:
    implementation = board.implementation
    version = implementation["version"]
    report.fact("board", "machine", implementation["machine"])
    emulated = implementation["emulated"]
    if emulated:
        report.fact("board", "emulated", "times are those of this computer's processor")
    report.fact("board", "kind", f"{known.id}, {known.name}" if known else "not known")
    report.fact("board", "firmware", f"{implementation['name']} {'.'.join(map(str, version[:3]))}")
    report.fact(
        "board", "native code", (implementation["arch"] or "none") + (", this computer's" if emulated else "")
    )
    mpy = implementation["mpy"]
    report.fact("board", ".mpy files", f"{mpy & 0xFF}.{mpy >> 8 & 3}" if mpy else "none")
    if not known:
        report.problem(
            f"no board file describes {implementation['machine']}",
            "copy a similar file in boards/, as boards/README.md says; flashing works without it",
        )
    if tuple(version[:2]) < _OLDEST:
        report.problem(
            f"MicroPython {'.'.join(map(str, version[:3]))} is too old, expected 1.23 or newer",
            report.micropython,
        )
    runs_tflite = not known or "builtin" in known.backends
    if not implementation["arch"] and runs_tflite:
        report.problem(
            "this firmware cannot load native code: the built-in engine cannot run",
            "install the board's usual firmware, or use a board file whose backends are other runtimes",
        )


def _memory(report: Report, answer: dict[str, Any], known: BoardSpec | None) -> None:
    report.fact("memory", "heap", f"{answer['heap']:,} bytes, {answer['free']:,} free")
    size = f"{answer['size']:,} bytes, {answer['room']:,} free" if answer["size"] else "none"
    report.fact("memory", "file system", size)
    report.fact("memory", "ROMFS", f"{answer['rom']:,} bytes" if answer["rom"] else "none")
    if answer.get("clock_hz"):
        report.fact("board", "clock", f"{answer['clock_hz'] / 1e6:g} MHz")
    if known and answer["heap"] < _SMALLEST_SHARE * known.heap:
        report.problem(
            f"the heap has {answer['heap']:,} bytes, a {known.id} usually has {known.heap:,}",
            "install the firmware made for this board; if it has external RAM, one that uses it",
        )
    if not answer["size"]:
        report.problem(flash.NO_FILESYSTEM, flash.MAKE_FILESYSTEM)
    elif answer["room"] < 16_384:
        report.problem(
            f"the file system is nearly full: {answer['room']:,} bytes are free",
            f"remove pictures or old models: mpremote connect {report.port} fs rm -r :FOLDER",
        )


def _cards(report: Report, board: Board) -> None:
    for mount, state in card.mounted(board).items():
        if state != "ready":
            what, _, fix = card.explain(state, mount, board.root).rpartition(": ")
            report.problem(what, fix)
            continue
        names = [entry.name for entry in flash.models_in(board, mount)]
        free = board.space(mount)[1]
        report.fact(
            "memory", f"card at {mount}", f"{free:,} bytes free, models: {', '.join(names) or 'none'}"
        )


def _modules(report: Report, importable: list[str], known: BoardSpec | None) -> None:
    runtimes = [name for name, modules in MODULES.items() if set(modules) & set(importable)]
    report.fact("firmware", "runtimes", ", ".join([*runtimes, "builtin (Galago's own)"]))
    cameras = [name for name in _CAMERAS if name in importable]
    report.fact("firmware", "camera modules", ", ".join(cameras) or "none")
    if (
        known
        and known.camera
        and not {known.camera.module, _OLDER_NAMES.get(known.camera.module)} & set(importable)
    ):
        needed = known.camera.firmware or "the board's usual firmware"
        report.problem(
            f"the board has a camera ({known.camera.sensor}), but its firmware lacks the module "
            f"'{known.camera.module}'",
            f"for the source 'camera' install a firmware with it: {needed}; files and host work without it",
        )


def _software(report: Report, board: Board, known: BoardSpec | None) -> None:
    if not board.has_flat_filesystem:
        try:
            flash.check_import(board)
        except GalagoError as error:
            what, _, fix = error.message.rpartition(": ")
            report.problem(what, fix)
            return
    try:
        flash.check_main_py(board)
    except GalagoError:
        report.problem(
            "the board has a main.py that is not Galago's",
            f"rename it: mpremote connect {report.port} exec "
            f"\"import os; os.rename('{board.root}/main.py', '{board.root}/main_old.py')\", "
            f"then {report.flash}",
        )
    if _package(report, board):
        model_check.examine(report, board, known)


def _package(report: Report, board: Board) -> bool:
    """Report on the device package; returns whether there is one to run."""
    if flash.has_small_form(board):
        _small_form(report, board)
        return True
    try:
        package = flash.compare(board, flash.device_package(board, flash.kept_native(board)))
    except GalagoError as error:
        report.problem("the device package cannot be compiled for this board", error.message)
        return False
    sources = None if board.has_flat_filesystem else flash.compare(board, flash.source_package())
    state = "another version" if package.differing else "current"
    if package.present == 0:
        state = "missing"
    if package.interrupted:
        report.problem("a flash was interrupted", "run it again: it uploads the rest")
    if sources and sources.present and package.present:
        report.problem(
            f"{flash.LIBRARY} has {sources.present} .py files, which are imported in place of the .mpy files",
            f"{report.flash}, which removes them",
        )
    elif sources and sources.present:
        _sources(report, sources)
        return True
    elif package.present == 0 and not package.interrupted:
        report.problem("the board has no device package", report.flash)
    elif package.differing and not package.interrupted:
        report.problem(
            f"{package.differing} files of the device package are from another version of Galago",
            report.flash,
        )
    if state == "current" and package.present < package.total:
        state = "current, without what its model does not need"
    report.fact("galago", "device package", f"{state}, {package.present} of {package.total} files")
    return package.present > 0 or package.interrupted


def _small_form(report: Report, board: Board) -> None:
    flash.clear_memory(board)  # the heap of a small board with a model has no room for pieces of a file
    found = archive.version_of(board.get(board.root + small.ARCHIVE))
    current = found == small.version(board.implementation["arch"])
    state = "current" if current else "another version"
    report.fact("galago", "device package", f"small form, {state}: it holds one model, planned on the host")
    if not current:
        report.problem("the device package is from another version of Galago", report.flash)


def _sources(report: Report, sources: flash.Comparison) -> None:
    """Report on a package of .py files: galago flash has not installed it."""
    missing = sources.total - sources.present
    state = "another version" if sources.differing or missing else "current"
    report.fact(
        "galago",
        "device package",
        f"{state}, {sources.present} of {sources.total} files as .py, installed by mip or by hand",
    )
    if sources.differing or missing:
        report.problem(
            f"of the device package's .py files {missing} are missing and {sources.differing} are from "
            "another version of Galago",
            f"{report.flash}, which puts compiled files in their place",
        )
