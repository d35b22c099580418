# SPDX-License-Identifier: MIT
"""Restarts a board that hangs; but never one whose user is at the prompt.

watchdog = Watchdog(8)          # seconds; 0 is none
watchdog.feed()
watchdog.hold()                 # from now on a timer feeds it: a started one cannot be stopped
"""

from .errors import GalagoError


class Watchdog:
    """Raises GalagoError config.invalid where the board has none, or none that waits so long."""

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
        """Shows that the program is alive."""
        if self._dog:
            self._dog.feed()

    def hold(self):
        """Keeps the board from restarting while no program feeds; False where it has no timer to do so."""
        if not self._dog:
            return True
        self._dog.feed()
        try:
            from machine import Timer

            period = max(1, int(self._seconds * 250))
            for number in (-1, 0):  # a virtual timer, or the first where there are none
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
