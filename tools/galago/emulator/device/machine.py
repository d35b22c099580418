# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportUndefinedVariable=false
# ruff: noqa: A002, F403
"""`machine` of an emulated board: what the Unix port has, and what every board has besides."""

import time

from umachine import *

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5

_owner = None  # set by start.py: the socket to the process that emulates the board
_clock_hz = 0
_cause = PWRON_RESET


def reset():
    """Restart the board. Does not return."""
    _owner.write(b"reset\n")
    while True:
        time.sleep(1)


def reset_cause():
    """Why the board started."""
    return _cause


def unique_id():
    """Eight bytes; every emulated board has the same."""
    return b"galago\x00\x00"


def freq(hz=None):
    """Clock of the emulated board in Hz. Setting it is accepted, and changes nothing."""
    return _clock_hz if hz is None else None


class WDT:
    """A watchdog that never bites."""

    def __init__(self, id=0, timeout=5000):
        pass

    def feed(self):
        """Nothing to do."""
