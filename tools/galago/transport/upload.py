# SPDX-License-Identifier: MIT
"""Upload files to a board: one program there takes them, so that nothing is compiled for each piece.

    with FileUpload(repl) as upload:
        digest = upload.send(data, "/model.part", 0, progress)

The host sends a line `path, offset, size`, then pieces in base64, each acknowledged with a byte; the board
writes them, and answers with the SHA-256 of what its flash then holds. All of it is text: Ctrl-C works.
"""

import binascii
from collections.abc import Callable
from types import TracebackType

from galago.errors import GalagoError
from galago.transport.mpremote_adapter import RawRepl, TransportExecError

PIECE = 3072  # bytes per line; the board holds about three times as many meanwhile
FLUSH_INTERVAL = 16 * PIECE  # bytes after which what has arrived survives a power cut
_MOST_NOISE = 1 << 16  # bytes between two acknowledgements
_ACK, _EOT = b"\x06", b"\x04"
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
                if count % {FLUSH_INTERVAL} == 0:
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


class FileUpload:
    """A context within which a board does nothing but take files."""

    def __init__(self, repl: RawRepl) -> None:
        self._repl = repl

    def __enter__(self) -> "FileUpload":
        self._repl.exec_raw_no_follow(_PROGRAM)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # After an error the board may be in the middle of a line: its next user has to interrupt it.
        if error is None:
            self._repl.serial.write(b"\n")
            _, traceback = self._repl.follow(None)
            if traceback:
                raise TransportExecError(b"", traceback.decode(errors="replace"))

    def send(
        self, data: bytes, path: str, offset: int = 0, progress: Callable[[int], None] | None = None
    ) -> str:
        """Append `data` at `offset`, where the file ends now; returns the SHA-256 of the whole file.

        `progress` gets the number of bytes sent so far. Raises TransportExecError if the board cannot write.
        """
        self._repl.serial.write(f"{(path, offset, len(data))!r}\n".encode())
        for start in range(0, len(data), PIECE):
            self._repl.serial.write(binascii.b2a_base64(data[start : start + PIECE]))
            self._await_ack()
            if progress:
                progress(min(start + PIECE, len(data)))
        self._await_ack()
        digest = self._repl.serial.read(64)
        try:
            return bytes.fromhex(digest.decode()).hex()
        except ValueError:
            raise GalagoError(
                "port.corrupt", f"{path}: the board's answer is garbled: run it again"
            ) from None

    def _await_ack(self) -> None:
        for _ in range(_MOST_NOISE):
            answer = self._repl.serial.read(1)
            if answer == _ACK:
                return
            if answer == _EOT:  # the program has ended: its traceback follows
                traceback = bytearray()
                while (data := self._repl.serial.read(1)) != _EOT and len(traceback) < _MOST_NOISE:
                    traceback += data
                raise TransportExecError(b"", traceback.decode(errors="replace"))
        raise GalagoError(
            "port.corrupt", f"{self._repl.device_name}: the board talks without end: reset it and try again"
        )
