# SPDX-License-Identifier: MIT
"""All that Galago uses of mpremote's inside: its serial transport and its ROMFS writer.

    repl = RawRepl("/dev/ttyACM0")
    output, traceback = repl.exec_raw("print(1)", timeout=10)

mpremote promises no API. The types of what is used are in typings/mpremote; tests/test_mpremote_adapter.py
compares them with the installed version. mpremote trusts the board; here its answers are checked.
"""

import hashlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import cast

import serial
from mpremote.romfs import VfsRomWriter
from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport, fs_hook_code

from galago.errors import GalagoError
from galago.transport.served_folder import FolderRequests, ServedFolder
from galago.transport.timed_port import SILENCE, TimedPort

__all__ = ["RawRepl", "RomWriter", "TransportError", "TransportExecError"]

_BAUD = 115200  # mpremote's; USB ports ignore it
_SLOWEST = 1000  # bytes of a command per second: far below any board's
_EOT = b"\x04"
_LARGEST_OUTPUT = 1 << 20  # bytes that a program may print
_OVERTIME = 6  # a program may take so many times its longest silence

# What is changed in mpremote's program on the board that reads a mounted folder. During a request Ctrl-C is a
# byte like any other. If the host was killed in it, the next host's Ctrl-C is taken for the answer: then the
# folder is lost, each further request fails at once, and Ctrl-C acts again.
HOOK_CHANGES = {
    "class RemoteCommand:\n": "class RemoteCommand:\n lost = False\n"
    " def fail(self):\n  self.end()\n  self.lost = True\n  raise OSError(19)\n",
    " def begin(self, type):\n": " def begin(self, type):\n  if self.lost:\n   raise OSError(19)\n",
    "   if b4[0] == 0x18:\n    break\n": "   if b4[0] == 0x18:\n    return\n  self.fail()\n",
    "  self.end()\n  raise Exception('timeout waiting for remote')\n": "  self.fail()\n",
    "  if buf is None:\n": "  if n > (1 << 20 if buf is None else len(memoryview(buf))):\n   self.fail()\n"
    "  if buf is None:\n",
    # A host that is stopped or busy gets a minute, not a second or half a minute.
    "ipoll(1000)": "ipoll(60000)",
    "poller.poll(1000)": "poller.poll(2000)",
}


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

        With a consumer the output goes there as it arrives, and the first item is empty. Raises GalagoError
        port.corrupt for more than a megabyte, port.timeout for a program that prints for six such times.
        """
        output, traceback = bytearray(), bytearray()
        timeout = timeout or SILENCE
        with self.port.silence(timeout), self.port.deadline(_OVERTIME * self.port.patience(timeout)):
            self._until_eot(data_consumer or output.extend)
            self._until_eot(traceback.extend)
        return bytes(output), bytes(traceback)

    def skip_to(self, ending: bytes) -> None:
        """Read up to and including `ending`."""
        seen = b""
        while not seen.endswith(ending):
            seen = seen[-len(ending) :] + self.serial.read(1)

    def soft_reset(self) -> None:
        """Reset the interpreter and be at the raw REPL again: boot.py runs, main.py does not.

        mpremote's own method gives a boot.py ten seconds, too few to connect to a network.
        """
        self.port.write(b"\r\x03\r\x01")
        self.skip_to(b"raw REPL; CTRL-B to exit\r\n>")
        self.port.write(b"\x04")
        self.skip_to(b"soft reboot\r\n")
        self.skip_to(b"raw REPL; CTRL-B to exit\r\n")  # mpremote expects the prompt > before a program
        self.in_raw_repl = True

    def mount_local(self, path: str) -> None:
        """Mount the host's folder `path` at /remote. The board waits a minute for each of its answers."""
        if not self.eval('"RemoteFS" in globals()'):
            hook = fs_hook_code
            for old, new in HOOK_CHANGES.items():
                hook = hook.replace(old, new)
            self.exec(hook)
        super().mount_local(path)
        self.serial = FolderRequests(self.port, ServedFolder(self.port, self.port, path))

    # Answers that mpremote parses: whatever arrives, the only error is a ValueError

    def eval(self, expression: str) -> object:
        """Return the value of an expression, a literal of Python."""
        with _as_value_errors():
            return super().eval(expression)

    def listdir(self, path: str) -> list[tuple[str, int, int]]:
        """Return name, mode as in st_mode, and size in bytes of each entry of a folder."""
        with _as_value_errors():
            entries = self.fs_listdir(path)
            if not all(isinstance(each.name, str) for each in entries):
                raise ValueError("a name that is not text")
            return [(str(each.name), int(each.st_mode), int(each.st_size)) for each in entries]

    def fs_isdir(self, src: str) -> bool:
        """Whether a path is a folder."""
        with _as_value_errors():
            return super().fs_isdir(src)

    def fs_hashfile(self, path: str, algo: str, chunk_size: int = 256) -> bytes:
        """Return the hash of a file, computed on the board."""
        with _as_value_errors():
            digest = bytes(super().fs_hashfile(path, algo, chunk_size))
            if len(digest) != hashlib.new(algo).digest_size:
                raise ValueError("not a hash")
            return digest

    def read_file(self, path: str, chunk_size: int, largest: int) -> bytes:
        """Return a file's content, read in pieces of `chunk_size` bytes, at most `largest` in all."""
        content, piece = bytearray(), b"\0" * chunk_size
        self.exec(f"f = open({path!r}, 'rb')")
        while len(piece) == chunk_size:  # a shorter piece is the last
            answer = self.eval(f"f.read({chunk_size})")
            if not isinstance(answer, bytes) or len(content) + len(answer) > largest:
                raise ValueError("not a piece of a file, or more than it may have")
            piece = answer
            content += piece
        self.exec("f.close()")
        return bytes(content)

    def stop_serving(self) -> None:
        """Answer no more requests for files of the mounted folder; the board is not told."""
        self.serial, self.mounted = self.port, False

    def _until_eot(self, consume: Callable[[bytes], object]) -> None:
        for _ in range(_LARGEST_OUTPUT):
            data = self.serial.read(1)
            if data == _EOT:
                return
            consume(data)
        raise GalagoError(
            "port.corrupt",
            f"{self.device_name}: the board prints without end: stop its program and try again",
        )


@contextmanager
def _as_value_errors() -> Generator[None]:
    try:
        yield
    except (TypeError, AttributeError, SyntaxError, OverflowError, RecursionError, MemoryError) as error:
        raise ValueError(f"not an answer to the question: {error}") from error


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
