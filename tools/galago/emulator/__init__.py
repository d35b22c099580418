# SPDX-License-Identifier: MIT
"""A board that exists only here: the real interpreter behind a serial port that any tool can open."""

from galago.emulator.board import EmulatedBoard

__all__ = ["EmulatedBoard"]
