# SPDX-License-Identifier: MIT
"""mpremote's SerialTransport with an end to every wait."""

from collections.abc import Callable
from typing import cast

import serial
from mpremote.transport_serial import SerialTransport

from galago.transport.wire import Wire

_BAUD = 115200  # mpremote's; USB ports ignore it
_SLOWEST = 1000  # bytes of a command a second: far below any board's
_EOT = b"\x04"


class Link(SerialTransport):
    """All of mpremote's methods; besides its errors they raise GalagoError port.timeout and port.lost."""

    def __init__(self, device: str) -> None:
        """Raises TransportError if the port does not open."""
        super().__init__(device, baudrate=_BAUD)
        self.wire = Wire(cast(serial.Serial, self.serial), device)
        self.serial = self.wire  # or, while a folder is mounted, mpremote's filter in front of it
        self.is_pty = True  # wait in the port, as for a terminal, and not in a loop of short sleeps

    def close(self) -> None:
        """Close the port; never fails."""
        self.wire.close()

    def exec_raw_no_follow(self, command: str | bytes) -> None:
        """Send a program and have it started."""
        with self.wire.within(10 + len(command) / _SLOWEST):
            super().exec_raw_no_follow(command)

    def exec_raw(
        self,
        command: str | bytes,
        timeout: float | None = 10,
        data_consumer: Callable[[bytes], object] | None = None,
    ) -> tuple[bytes, bytes]:
        """Run a program; what follow gives."""
        self.exec_raw_no_follow(command)
        return self.follow(timeout, data_consumer)

    def follow(
        self, timeout: float | None, data_consumer: Callable[[bytes], object] | None = None
    ) -> tuple[bytes, bytes]:
        """What a program prints, and its traceback. `timeout` is the longest silence in seconds.

        With a consumer the output goes there as it arrives, and the first item is empty.
        """
        usual, self.wire.silence = self.wire.silence, timeout or self.wire.silence
        output, traceback = bytearray(), bytearray()
        try:
            self._until_eot(data_consumer or output.extend)
            self._until_eot(traceback.extend)
        finally:
            self.wire.silence = usual
        return bytes(output), bytes(traceback)

    def skip_to(self, ending: bytes) -> None:
        """Read up to and including `ending`."""
        seen = b""
        while not seen.endswith(ending):
            seen = seen[-len(ending) :] + self.serial.read(1)

    def _until_eot(self, consume: Callable[[bytes], object]) -> None:
        while (data := self.serial.read(1)) != _EOT:
            consume(data)
