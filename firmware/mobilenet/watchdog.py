# SPDX-License-Identifier: MIT
"""Restarts a board that hangs, but not while its user works at the prompt.

watchdog = Watchdog(8)          # seconds; 0: no watchdog
watchdog.feed()
watchdog.hold()                 # a timer feeds it from now on: a started watchdog cannot be stopped
"""

from .errors import GalagoError


class Watchdog:
    """The board's watchdog. Raises GalagoError config.invalid if it has none with this timeout."""

    def __init__(self, seconds):
        self._dog = None
        self._seconds = seconds
        if seconds:
            try:
                from machine import WDT

                self._dog = WDT(timeout=int(seconds * 1000))
            except (ImportError, ValueError, OSError) as error:
                raise GalagoError(
                    "config.invalid",
                    "this board has no watchdog of %s s (%s): change 'watchdog'" % (seconds, error),
                )

    def feed(self):
        """Restarts the timeout."""
        if self._dog:
            self._dog.feed()

    def hold(self):
        """Has a timer feed the watchdog; returns False if the board has no timer for it."""
        if not self._dog:
            return True
        self._dog.feed()
        try:
            from machine import Timer

            period = max(1, int(self._seconds * 250))
            for number in (-1, 0):  # a virtual timer, else the first hardware timer
                try:
                    self._timer = Timer(number)
                    self._timer.init(
                        period=period, mode=Timer.PERIODIC, callback=lambda timer: self._dog.feed()
                    )
                    return True
                except (ValueError, OSError, TypeError):
                    continue
        except ImportError:
            pass
        return False
