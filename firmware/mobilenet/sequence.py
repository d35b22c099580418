# SPDX-License-Identifier: MIT
"""Numbers of serial lines that survive a restart: none comes twice, and a jump says that power was lost.

numbers = Sequence("/galago.seq")
numbers.next()
numbers.close()                 # after this the next one follows without a gap

The file holds the first number that may not be given out yet. It is written once in a while, because flash
wears: after a power cut the count goes on behind what was set aside.
"""

import os

from micropython import const

from .errors import GalagoError

_AHEAD = const(256)


class Sequence:
    """Counts from 0. `error` is the GalagoError that keeps the count from surviving, or None."""

    def __init__(self, path):
        self._path = path
        self.error = None
        try:
            with open(path) as file:
                self.number = max(0, int(file.read(20)))
        except (OSError, ValueError):
            self.number = 0
        self._end = self.number

    def next(self):
        """The next number."""
        number = self.number
        if number >= self._end:
            self._end = number + _AHEAD
            self._write(self._end)
        self.number = number + 1
        return number

    def close(self):
        """Gives back what was set aside and is not used."""
        if self.number != self._end:
            self._end = self.number
            self._write(self._end)

    def _write(self, number):
        try:
            with open(self._path + ".part", "w") as file:
                file.write(str(number))
            os.rename(self._path + ".part", self._path)
        except OSError as error:
            self.error = GalagoError(
                "board.file",
                "%s cannot be written (error %s), numbers will come again after a restart: free some space"
                % (self._path, error.errno),
            )
