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


def bootloader(timeout=0):
    """There is none here: the board restarts."""
    reset()


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
    """A watchdog: once started it stays, and without food for `timeout` milliseconds the board restarts."""

    def __init__(self, id=0, timeout=5000):
        if timeout <= 0:
            raise ValueError("timeout")
        self._timeout = timeout
        self._fed = time.ticks_ms()
        _owner.write(b"watchdog %d\n" % timeout)

    def feed(self):
        """Starts the wait anew. The owner is told now and then."""
        now = time.ticks_ms()
        if time.ticks_diff(now, self._fed) * 8 > self._timeout:
            self._fed = now
            _owner.write(b"watchdog %d\n" % self._timeout)


class Pin:
    """A pin that the owner watches (EmulatedBoard.pins). Numbers to 48, and names as they come."""

    IN, OUT = 0, 1

    def __init__(self, id, mode=-1, value=None):
        if isinstance(id, int) and not 0 <= id <= 48:
            raise ValueError("invalid pin")
        self._id = id
        self._value = 0
        if value is not None:
            self.value(value)

    def value(self, level=None):
        """The level; with an argument, sets it."""
        if level is None:
            return self._value
        self._value = 1 if level else 0
        _owner.write(b"pin %s %d\n" % (str(self._id).encode(), self._value))

    def on(self):
        """Level 1."""
        self.value(1)

    def off(self):
        """Level 0."""
        self.value(0)
