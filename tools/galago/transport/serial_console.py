# SPDX-License-Identifier: MIT
"""A board's serial port as a terminal sees it: nothing is interrupted, no REPL is entered."""

import serial

from galago.errors import GalagoError
from galago.transport.ports import device_of, opening_error
from galago.transport.timed_port import close_serial

_BAUD = 115200


class SerialConsole:
    """An open port, as a context manager. Raises GalagoError port.missing, port.busy or port.denied."""

    def __init__(self, port: str) -> None:
        """`port` is what transport.connect takes, except auto."""
        self._unread = b""
        self.name = device_of(port)
        try:
            self._port = serial.serial_for_url(self.name, baudrate=_BAUD, exclusive=True, timeout=0.1)
        except (OSError, ValueError) as error:
            raise opening_error(self.name, error) from error

    def __enter__(self) -> "SerialConsole":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self) -> bytes:
        """Return what has arrived, after at most a tenth of a second. Raises GalagoError port.lost."""
        if self._unread:
            data, self._unread = self._unread, b""
            return data
        try:
            return self._port.read(max(1, self._port.in_waiting))
        except OSError as error:
            raise GalagoError("port.lost", f"{self.name} is gone: plug the board in again") from error

    def unread(self, data: bytes) -> None:
        """Have the next `read` return `data`, which was read too early."""
        self._unread = data + self._unread

    def write(self, data: bytes) -> None:
        """Send all of `data`. Raises GalagoError port.lost."""
        try:
            self._port.write(data)
        except OSError as error:
            raise GalagoError("port.lost", f"{self.name} is gone: plug the board in again") from error

    def close(self) -> None:
        """Close the port; never fails."""
        close_serial(self._port)
