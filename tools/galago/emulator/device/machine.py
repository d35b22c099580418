# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportUndefinedVariable=false
# ruff: noqa: A002, F403
"""`machine` of an emulated board: that of the Unix port, and what boards have in addition."""

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
    """Restart the board: an emulated board has no bootloader."""
    reset()


def reset_cause():
    """Returns why the board started, one of the constants above."""
    return _cause


def unique_id():
    """Returns eight bytes, the same for every emulated board."""
    return b"galago\x00\x00"


def freq(hz=None):
    """Returns the clock of the emulated board in Hz. Setting it is accepted and has no effect."""
    return _clock_hz if hz is None else None


class WDT:
    """A watchdog: once started it cannot be stopped, and restarts the board if not fed for `timeout` ms."""

    def __init__(self, id=0, timeout=5000):
        if timeout <= 0:
            raise ValueError("timeout")
        self._timeout = timeout
        self._fed = time.ticks_ms()
        _owner.write(b"watchdog %d\n" % timeout)

    def feed(self):
        """Restart the timeout. The owner is notified only now and then."""
        now = time.ticks_ms()
        if time.ticks_diff(now, self._fed) * 8 > self._timeout:
            self._fed = now
            _owner.write(b"watchdog %d\n" % self._timeout)


class Pin:
    """A pin that the owner watches (EmulatedBoard.pins): a number up to 48, or any name."""

    IN, OUT = 0, 1

    def __init__(self, id, mode=-1, value=None):
        if isinstance(id, int) and not 0 <= id <= 48:
            raise ValueError("invalid pin")
        self._id = id
        self._value = 0
        if value is not None:
            self.value(value)

    def value(self, level=None):
        """Returns the level, or sets it."""
        if level is None:
            return self._value
        self._value = 1 if level else 0
        _owner.write(b"pin %s %d\n" % (str(self._id).encode(), self._value))

    def on(self):
        """Set level 1."""
        self.value(1)

    def off(self):
        """Set level 0."""
        self.value(0)
