# SPDX-License-Identifier: MIT
"""Emulated boards: the real MicroPython interpreter behind a serial port that any tool can open.

They need Linux: its pseudo-terminals, its pipes that keep writes apart, and its process descriptors.
Elsewhere importing this package raises GalagoError board.emulator.
"""

from galago.errors import GalagoError

try:
    import fcntl
    import termios
    from os import pidfd_open
except ImportError as error:
    raise GalagoError(
        "board.emulator",
        "emulated boards run on Linux: use WSL on Windows, a Linux container on macOS, "
        "or a real board (--port)",
    ) from error

from galago.emulator.board import EmulatedBoard

__all__ = ["EmulatedBoard"]

del fcntl, termios, pidfd_open
