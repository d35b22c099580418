# SPDX-License-Identifier: MIT
"""A board that lies: between the host and an emulated board, it answers chosen programs with chosen bytes.

    with liar(emulated.port, {"print(sys.platform)": b"1" * 1000}) as port:
        transport.connect(port)

A lie is what a program prints whose text contains the key: bytes, or a function that yields bytes for as long
as somebody listens. Everything else reaches the real board.
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
        self._held = b""  # of a program that has not arrived completely
        self._ends = 2  # of what a program prints, and of its traceback: 2 if none runs
        self.over = threading.Event()

    def run(self) -> None:
        """Relay until it is over."""
        while not self.over.is_set():
            self._held += self._receive()
            if b"\x05A\x01" in self._held:  # raw paste: not supported, so that programs arrive in one form
                self._send(b"R\x00")
                self._held = self._held.replace(b"\x05A\x01", b"")
            if self._ends < 2 or any(byte in self._held for byte in b"\x01\x02\x03\x04"):
                self._held = self._pass_on(self._held)
            answer = self._board.read(4096)
            self._ends = 2 if answer.endswith(b">") else self._ends + answer.count(_EOT)
            self._send(answer)

    def _pass_on(self, data: bytes) -> bytes:
        """Give the real board what the host has sent, or answer in its place.

        Returns what the host has sent meanwhile, after a Ctrl-C that ended a lie.
        """
        program = data.decode(errors="replace")
        for key, lie in self._lies.items():
            if _EOT in data and key in program:
                self._send(b"OK")
                for piece in [lie] if isinstance(lie, bytes) else lie():
                    self._send(piece)
                    _, interrupt, data = self._receive().partition(b"\x03")
                    if self.over.is_set() or interrupt:
                        break
                self._send(_EOT + _EOT + b">")
                return data
        self._board.write(data)
        self._ends = 0 if data.endswith(_EOT) else 2 if b"\x03" in data else self._ends
        return b""

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
    with serial.Serial(port, timeout=0.002) as board:
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
