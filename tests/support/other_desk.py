# SPDX-License-Identifier: MIT
"""A program that runs verbs of Galago as a base install on Windows or macOS does: without what they lack.

    python other_desk.py '[["boards"], ["fit", "--json"]]'

It prints a JSON line for each verb: its exit status, stdout and stderr, which lack the characters of bars.
What only extras install is hidden too, so that no verb imports it that can do without. POSIX modules are
hidden from Galago alone, because pyserial, which has a file for each system, needs them on this one.
"""

import builtins
import contextlib
import importlib.machinery
import io
import json
import os
import sys
import types
from typing import Any

POSIX = {"fcntl", "grp", "pty", "pwd", "resource", "termios", "tty"}
PACKAGES = {"micropython_unix", "micropython_run", "tflite_micro"}
_CONSOLE = "cp1252"  # what Windows writes into a pipe in many countries
EXTRAS = {"h5py", "keras", "matplotlib", "onnx", "skimage", "sklearn", "tensorflow", "tf_keras"}


def hide() -> None:
    """Hides the modules, and functions of `os` that only Linux has."""
    imported, found = builtins.__import__, importlib.machinery.PathFinder.find_spec
    windows = {"msvcrt": _msvcrt()}

    def importing(name: str, names: Any = None, *rest: Any, **more: Any) -> Any:
        if (names or {}).get("__name__", "").split(".")[0] == "galago":
            if name in POSIX:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            if name in windows:
                return windows[name]
        return imported(name, names, *rest, **more)

    def finding(name: str, *rest: Any) -> Any:
        return None if name.split(".")[0] in PACKAGES | EXTRAS else found(name, *rest)

    builtins.__import__ = importing
    importlib.machinery.PathFinder.find_spec = finding  # type: ignore[method-assign]
    for name in ("pidfd_open", "pipe2", "posix_fallocate", "memfd_create"):
        delattr(os, name)


def _msvcrt() -> types.ModuleType:
    """What Galago uses of the module that Windows has in place of fcntl."""
    import fcntl

    module = types.ModuleType("msvcrt")
    module.LK_NBLCK = 2  # type: ignore[attr-defined]
    module.locking = lambda file, *_: fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # type: ignore[attr-defined]
    return module


def main() -> None:
    """Runs the verbs that the first argument lists."""
    hide()
    from galago.cli import main as galago

    for arguments in json.loads(sys.argv[1]):
        sys.argv[1:] = arguments
        out, err = (io.TextIOWrapper(io.BytesIO(), _CONSOLE, write_through=True) for _ in range(2))
        status = 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                galago()
            except SystemExit as end:
                status = int(end.code or 0)
        shown = [stream.buffer.getvalue().decode(_CONSOLE) for stream in (out, err)]
        print(json.dumps([status, *shown]), flush=True)


if __name__ == "__main__":
    main()
