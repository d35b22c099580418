# SPDX-License-Identifier: MIT
"""Files to a board: a program there takes them, so that nothing is compiled and asked for per piece.

    with Upload(link) as upload:
        digest = upload.send(data, "/model.part", 0, progress)

The host sends a line `path, offset, size`, then pieces in base64, each answered with a byte; the board
writes them, and answers with the SHA-256 of what its flash then holds. All of it is text: Ctrl-C works.
"""

import binascii
from collections.abc import Callable
from types import TracebackType

from mpremote.transport import TransportExecError

from galago.errors import GalagoError
from galago.transport.link import Link

PIECE = 3072  # bytes in one line; the board holds about three times as many meanwhile
FLUSHED = 16 * PIECE  # bytes after which what has arrived outlives a power cut
_TAKEN, _EOT = b"\x06", b"\x04"
_PROGRAM = f"""
def _receive():
    import hashlib
    from binascii import a2b_base64, hexlify
    from sys import stdin, stdout
    block = memoryview(bytearray(1024))
    while True:
        line = stdin.readline().strip()
        if not line:
            return
        path, offset, size = eval(line)
        count = 0
        with open(path, "ab" if offset else "wb") as file:
            while count < size:
                count += file.write(a2b_base64(stdin.readline()))
                if count % {FLUSHED} == 0:
                    file.flush()
                stdout.write("\\x06")
        sha = hashlib.sha256()
        with open(path, "rb") as file:
            while True:
                count = file.readinto(block)
                if not count:
                    break
                sha.update(block[:count])
        stdout.write("\\x06")
        stdout.write(hexlify(sha.digest()))
_receive()
"""


class Upload:
    """A context within which a board does nothing but take files."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def __enter__(self) -> "Upload":
        self._link.exec_raw_no_follow(_PROGRAM)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # After an error the board may be in the middle of a line: the next to use it has to interrupt it.
        if error is None:
            self._link.serial.write(b"\n")
            _, traceback = self._link.follow(None)
            if traceback:
                raise TransportExecError(b"", traceback.decode(errors="replace"))

    def send(
        self, data: bytes, path: str, offset: int = 0, progress: Callable[[int], None] | None = None
    ) -> str:
        """Writes `data` from `offset` on, where the file ends now; the hash of the whole file on the board.

        `progress` gets the number of bytes sent so far. Raises TransportExecError if the board cannot write.
        """
        self._link.serial.write(f"{(path, offset, len(data))!r}\n".encode())
        for start in range(0, len(data), PIECE):
            self._link.serial.write(binascii.b2a_base64(data[start : start + PIECE]))
            self._await_taken()
            if progress:
                progress(min(start + PIECE, len(data)))
        self._await_taken()
        digest = self._link.serial.read(64)
        try:
            return bytes.fromhex(digest.decode()).hex()
        except ValueError:
            raise GalagoError(
                "port.corrupt", f"{path}: the board's answer is garbled: run it again"
            ) from None

    def _await_taken(self) -> None:
        while (answer := self._link.serial.read(1)) != _TAKEN:
            if answer == _EOT:  # the program ended: its traceback follows
                traceback = bytearray()
                while (data := self._link.serial.read(1)) != _EOT:
                    traceback += data
                raise TransportExecError(b"", traceback.decode(errors="replace"))
