# SPDX-License-Identifier: MIT
"""A serial port on which every wait ends and every failure has a code.

Some paths of mpremote wait forever: a pseudo-terminal, a mounted folder, a board that never falls silent.
Galago hands it a `TimedPort` in place of pyserial's object.
"""

import time
from collections.abc import Generator
from contextlib import contextmanager, suppress

import serial

from galago.errors import GalagoError

SILENCE = 10.0  # seconds without a byte after which a read gives up, on a board that answers fast
_ROUND_TRIPS = 20  # a slow board may stay silent for as many of its own round trips
_HEARD = 400  # bytes
_SLICE = 0.25  # seconds: how often a waiting read looks at the clock
_LARGEST_READ = 1 << 20  # bytes: a board that announces more at once is not telling the truth


class TimedPort:
    """The methods of serial.Serial that mpremote uses; they raise GalagoError port.lost and port.timeout.

    Only time in which this process ran counts: while the host is stopped, its board cannot be late.
    """

    def __init__(self, port: serial.Serial, name: str) -> None:
        """Take over the open `port`; messages call it `name`."""
        self.timeout: float | None = None  # set by mpremote, has no effect here
        self.round_trip = 0.0
        """Seconds that the board takes for the shortest program, measured when it is connected."""
        self._silence = SILENCE
        self._name = name
        self._port = port
        self._buffer = bytearray()
        self.heard = bytearray()
        """The last bytes that arrived, for messages."""
        self._deadline = float("inf")
        self._length = 0.0  # seconds of the present deadline
        self._clock, self._looked = 0.0, time.monotonic()
        port.timeout = _SLICE
        port.write_timeout = SILENCE

    def now(self) -> float:
        """Seconds that this process has run since the port was opened, give or take a look at the clock."""
        now = time.monotonic()
        self._clock += min(now - self._looked, 2 * _SLICE)
        self._looked = now
        return self._clock

    def patience(self, seconds: float) -> float:
        """The time limit in seconds for this board where `seconds` is right for a fast one."""
        return max(seconds, _ROUND_TRIPS * self.round_trip)

    @contextmanager
    def silence(self, seconds: float) -> Generator[None]:
        """Limit the time without a byte to `seconds`, or longer on a slow board."""
        usual, self._silence = self._silence, seconds
        try:
            yield
        finally:
            self._silence = usual

    @contextmanager
    def deadline(self, seconds: float) -> Generator[None]:
        """Limit a whole exchange, even with a board that never falls silent.

        Each write starts the time again: the host sends when the board has taken what came before.
        """
        usual = self._length, self._deadline
        self._length, self._deadline = seconds, self.now() + seconds
        try:
            yield
        finally:
            self._length, self._deadline = usual

    def read(self, count: int = 1) -> bytes:
        """Read exactly `count` bytes. Raises GalagoError port.corrupt unless that is 0 to a megabyte."""
        if not 0 <= count <= _LARGEST_READ:
            raise GalagoError(
                "port.corrupt", f"{self._name}: the board announces {count:,} bytes: reset it and try again"
            )
        limit = self.patience(self._silence)
        heard = self.now()
        while True:
            if self.now() > self._deadline or self.now() - heard > limit:
                raise GalagoError(
                    "port.timeout", f"{self._name}: no answer in time: reset the board and try again"
                )
            if len(self._buffer) >= count:
                break
            if self._fill(wait=True):
                heard = self.now()
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def inWaiting(self) -> int:  # noqa: N802 (pyserial's name)
        """Return how many bytes can be read without waiting."""
        self._fill(wait=False)
        return len(self._buffer)

    def discard(self) -> None:
        """Forget what has arrived."""
        self._fill(wait=False)
        self._buffer.clear()

    def write(self, data: bytes) -> int:
        """Write all of `data`."""
        try:
            written = self._port.write(data) or 0
        except serial.SerialTimeoutException as error:
            raise GalagoError(
                "port.timeout", f"{self._name}: the board does not read its input: reset it and try again"
            ) from error
        except OSError as error:
            raise self._lost(error) from error
        if self._deadline < float("inf"):
            self._deadline = self.now() + self._length
        return written

    def close(self) -> None:
        """Close the port; never fails."""
        close_serial(self._port)

    def _fill(self, wait: bool) -> bool:
        """Take over what pyserial has received, after waiting for something if `wait`; whether it had any."""
        try:
            waiting = self._port.in_waiting
            data = self._port.read(max(1, waiting)) if waiting or wait else b""
        except OSError as error:
            raise self._lost(error) from error
        self._buffer += data
        self.heard = (self.heard + data)[-_HEARD:]
        return bool(data)

    def _lost(self, error: OSError) -> GalagoError:
        return GalagoError("port.lost", f"{self._name} is gone ({error}): plug the board in and try again")


def close_serial(port: serial.Serial) -> None:
    """Unlock and close `port`; never fails.

    Closing alone leaves the lock to a child process that was forked meanwhile and has not called exec yet:
    the port would be in use for a moment longer.
    """
    with suppress(OSError, ValueError):  # Windows has no lock of its own
        port.exclusive = False
    with suppress(OSError):
        port.close()
