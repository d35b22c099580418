# SPDX-License-Identifier: MIT
"""A board that lies: between the host and an emulated board, it answers chosen programs with chosen bytes.

    with liar(emulated.port, {"print(sys.platform)": b"1" * 1000}) as port:
        transport.connect(port)

A lie is what the program prints, and begins a program's answer if the key is in its text. It may be bytes,
or a function that yields bytes for as long as somebody listens. Everything else reaches the real board.
"""

import os
import pty
import select
import threading
import tty
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

import serial

Lie = bytes | Callable[[], Iterator[bytes]]
_EOT = b"\x04"


class _Liar:
    def __init__(self, board: serial.Serial, line: int, lies: Mapping[str, Lie]) -> None:
        self._board, self._line, self._lies = board, line, lies
        self._heard = b""
        self.over = threading.Event()

    def run(self) -> None:
        """Relay until it is over; a program to lie about is held back until it is complete."""
        while not self.over.is_set():
            data = self._receive()
            if b"\x05A\x01" in data:  # raw paste: not supported, so that programs arrive in one form
                self._send(b"R\x00")
                data = data.replace(b"\x05A\x01", b"")
            self._heard = (self._heard + data)[-100_000:]
            lie = self._lie()
            if lie is None:
                self._board.write(data)
                self._send(self._board.read(4096))
                continue
            self._heard = b""
            self._board.write(data.replace(_EOT, b"\x03\r\x01"))  # the real board forgets what it got
            while self._board.read(4096):
                pass
            self._send(b"OK")
            for piece in [lie] if isinstance(lie, bytes) else lie():
                if self.over.is_set():
                    return
                self._send(piece)
            self._send(_EOT + _EOT + b">")

    def _lie(self) -> Lie | None:
        program, found, _ = self._heard.rpartition(_EOT)
        if not found:
            return None
        last = program.rpartition(_EOT)[2].decode(errors="replace")
        lie = next((lie for key, lie in self._lies.items() if key in last), None)
        self._heard = b"" if lie is None else self._heard
        return lie

    def _receive(self) -> bytes:
        with suppress(OSError):
            return os.read(self._line, 4096) if select.select([self._line], [], [], 0.005)[0] else b""
        return b""

    def _send(self, data: bytes) -> None:
        while data and not self.over.is_set():
            if select.select([], [self._line], [], 0.05)[1]:
                with suppress(OSError):
                    data = data[os.write(self._line, data[:1024]) :]


@contextmanager
def liar(port: str, lies: Mapping[str, Lie]) -> Iterator[str]:
    """The port of a board that lies. `port` is a real one's; `lies` are described above."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    with serial.Serial(port, timeout=0.02) as board:
        peer = _Liar(board, master, lies)
        thread = threading.Thread(target=peer.run)
        thread.start()
        try:
            yield os.ttyname(slave)
        finally:
            peer.over.set()
            thread.join()
            os.close(master)
            os.close(slave)
