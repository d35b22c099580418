# SPDX-License-Identifier: MIT
"""Emulated boards: the real MicroPython interpreter behind a serial port that any tool can open."""

from galago.emulator.board import EmulatedBoard

__all__ = ["EmulatedBoard"]
