# SPDX-License-Identifier: MIT
"""Sequence numbers that survive a restart: no number is used twice, and a jump shows that power was lost.

numbers = Sequence("/galago.seq")
numbers.next()
numbers.close()                 # the next Sequence continues without a gap

The file holds the end of the block of numbers that is reserved. It is written once per block, because flash
wears out; after a power cut, counting continues after the reserved block.
"""

import os

from micropython import const

from .errors import GalagoError

_AHEAD = const(256)  # numbers per block


class Sequence:
    """Counts from 0. `error` is a GalagoError if the count cannot be saved, else None."""

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
        """Returns the next number."""
        number = self.number
        if number >= self._end:
            self._end = number + _AHEAD
            self._write(self._end)
        self.number = number + 1
        return number

    def close(self):
        """Releases the reserved numbers that were not used."""
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
                "%s cannot be written (error %s), numbers will repeat after a restart: free some space"
                % (self._path, error.errno),
            )
