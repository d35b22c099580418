# SPDX-License-Identifier: MIT
"""All that Galago uses of mpremote's inside: its serial transport, its mounted folder, its ROMFS writer.

    repl = RawRepl("/dev/ttyACM0")
    output, traceback = repl.exec_raw("print(1)", timeout=10)

mpremote promises no API. The types of what is used are in typings/mpremote; tests/test_mpremote_adapter.py
compares them with the installed version.
"""

from collections.abc import Callable
from typing import cast

import serial
from mpremote.romfs import VfsRomWriter
from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport, fs_hook_code

from galago.transport.timed_port import SILENCE, TimedPort

__all__ = ["RawRepl", "RomWriter", "TransportError", "TransportExecError"]

_BAUD = 115200  # mpremote's; USB ports ignore it
_SLOWEST = 1000  # bytes of a command per second: far below any board's
_EOT = b"\x04"

# How long a board that reads a mounted folder waits for the host's next byte. mpremote's one second ends the
# program if the host is stopped or busy for longer.
HOOK_WAIT, PATIENT_WAIT = "ipoll(1000)", "ipoll(60000)"


class RawRepl(SerialTransport):
    """A board's raw REPL: mpremote's methods, which here raise GalagoError port.timeout and port.lost too."""

    def __init__(self, device: str) -> None:
        """Open the port. Raises TransportError if it does not open."""
        super().__init__(device, baudrate=_BAUD)
        self.port = TimedPort(cast(serial.Serial, self.serial), device)
        self.serial = self.port  # or, while a folder is mounted, mpremote's filter in front of it
        self.is_pty = True  # wait in the port, as for a terminal, and not in a loop of short sleeps

    def close(self) -> None:
        """Close the port; never fails."""
        self.port.close()

    def exec_raw_no_follow(self, command: str | bytes) -> None:
        """Send a program and start it."""
        with self.port.deadline(self.port.patience(SILENCE) + len(command) / _SLOWEST):
            super().exec_raw_no_follow(command)

    def exec_raw(
        self,
        command: str | bytes,
        timeout: float | None = 10,
        data_consumer: Callable[[bytes], object] | None = None,
    ) -> tuple[bytes, bytes]:
        """Run a program; returns what `follow` returns."""
        self.exec_raw_no_follow(command)
        return self.follow(timeout, data_consumer)

    def follow(
        self, timeout: float | None, data_consumer: Callable[[bytes], object] | None = None
    ) -> tuple[bytes, bytes]:
        """Return what a program prints, and its traceback. `timeout` is the longest silence in seconds.

        With a consumer the output goes there as it arrives, and the first item is empty.
        """
        output, traceback = bytearray(), bytearray()
        with self.port.silence(timeout or SILENCE):
            self._until_eot(data_consumer or output.extend)
            self._until_eot(traceback.extend)
        return bytes(output), bytes(traceback)

    def skip_to(self, ending: bytes) -> None:
        """Read up to and including `ending`."""
        seen = b""
        while not seen.endswith(ending):
            seen = seen[-len(ending) :] + self.serial.read(1)

    def mount_local(self, path: str) -> None:
        """Mount the host's folder `path` at /remote. The board waits a minute for each of its answers."""
        if not self.eval('"RemoteFS" in globals()'):
            self.exec(fs_hook_code.replace(HOOK_WAIT, PATIENT_WAIT))
        super().mount_local(path)

    def stop_serving(self) -> None:
        """Answer no more requests for files of the mounted folder; the board is not told."""
        self.serial, self.mounted = self.port, False

    def _until_eot(self, consume: Callable[[bytes], object]) -> None:
        while (data := self.serial.read(1)) != _EOT:
            consume(data)


class RomWriter(VfsRomWriter):
    """mpremote's ROMFS writer, with padding, and with a header that is as long whatever the image holds."""

    def pad(self, size: int) -> None:
        """Add a padding record of `size` bytes, at least 2, to the open folder."""
        self._extend(self._pack(self.ROMFS_RECORD_KIND_PADDING, bytes(size - 2)))

    def image(self) -> bytes:
        """Return the image, of even length. VfsRomWriter.finalise makes files move when the image grows."""
        if len(self._dir_stack[0][1]) % 2:
            self._extend(self._pack(self.ROMFS_RECORD_KIND_PADDING, b"\0"))
        body = bytes(self._dir_stack[0][1])
        length = self._encode_uint(len(body))
        return self.ROMFS_HEADER + b"\x80" * (5 - len(length)) + length + body

    def data_record(self, content: bytes) -> bytes:
        """Return the record that holds a file's content: a header, then the content."""
        return self._pack(self.ROMFS_RECORD_KIND_DATA_VERBATIM, content)
