# SPDX-License-Identifier: MIT
"""Emulated boards: the real MicroPython interpreter behind a serial port that any tool can open.

They need Linux or macOS, for pseudo-terminals and signals. On Windows importing this package raises
GalagoError board.emulator.
"""

from galago.errors import GalagoError

try:
    import fcntl
    import termios
except ImportError as error:
    raise GalagoError(
        "board.emulator",
        "emulated boards run on Linux and macOS: use WSL on Windows, or a real board (--port)",
    ) from error

from galago.emulator.board import EmulatedBoard

__all__ = ["EmulatedBoard"]

del fcntl, termios
