# SPDX-License-Identifier: MIT
"""A serial port on which nothing waits for ever and every failure has a code.

mpremote waits without an end on some paths: a pseudo-terminal, a mounted folder, a board that is never
silent. It gets this object in the place of pyserial's.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import serial

from galago.errors import GalagoError

_SLICE = 0.25  # seconds: how often a waiting read looks at the clock


class Wire:
    """The methods of serial.Serial that mpremote uses; they raise GalagoError port.lost and port.timeout."""

    def __init__(self, port: serial.Serial, name: str) -> None:
        """Takes over an open port."""
        self.silence = 10.0  # seconds without a byte after which a read gives up
        self.timeout: float | None = None  # set by mpremote, without effect here
        self._name = name
        self._port = port
        self._buffer = bytearray()
        self._deadline = float("inf")
        port.timeout = _SLICE
        port.write_timeout = self.silence

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """A limit for a whole exchange, even if the board never falls silent."""
        self._deadline = time.monotonic() + seconds
        try:
            yield
        finally:
            self._deadline = float("inf")

    def read(self, count: int = 1) -> bytes:
        """Exactly `count` bytes."""
        heard = time.monotonic()
        while True:
            now = time.monotonic()
            if now - heard > self.silence or now > self._deadline:
                raise GalagoError(
                    "port.timeout", f"{self._name}: no answer in time: reset the board and try again"
                )
            if len(self._buffer) >= count:
                break
            if self._fill(wait=True):
                heard = now
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def inWaiting(self) -> int:  # noqa: N802 (pyserial's name)
        """How many bytes can be read without waiting."""
        self._fill(wait=False)
        return len(self._buffer)

    def write(self, data: bytes) -> int:
        """All of `data`."""
        try:
            return self._port.write(data) or 0
        except serial.SerialTimeoutException as error:
            raise GalagoError(
                "port.timeout", f"{self._name}: the board takes no input: reset it and try again"
            ) from error
        except OSError as error:
            raise self._lost(error) from error

    def close(self) -> None:
        """Close the port; never fails."""
        with suppress(OSError):
            self._port.close()

    def _fill(self, wait: bool) -> bool:
        # Take over what pyserial has, after waiting for something if asked to. True: there was something.
        try:
            waiting = self._port.in_waiting
            data = self._port.read(max(1, waiting)) if waiting or wait else b""
        except OSError as error:
            raise self._lost(error) from error
        self._buffer += data
        return bool(data)

    def _lost(self, error: OSError) -> GalagoError:
        return GalagoError("port.lost", f"{self._name} is gone ({error}): plug the board in and try again")
