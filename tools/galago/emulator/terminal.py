# SPDX-License-Identifier: MIT
"""The serial port of an emulated board: the owner's side of a pseudo-terminal.

terminal = Terminal()
terminal.path                        # what serial programs open
terminal.read() -> bytes             # what the client sent; notices clients that come and go
terminal.write(data)                 # bounded: with no client, or one that never reads, bytes are lost
terminal.flush()                     # hands over as much as the client takes now
terminal.close()                     # the plug is pulled: a client's next read fails
"""

import os
import termios
import time
import tty

_CHUNK = 16 * 1024
_BACKLOG = 64 * 1024  # bytes for a slow client before the board has to wait
_PATIENCE = 5.0  # seconds without a byte taken before a client counts as not reading; rp2 waits 0.5 s


class Terminal:
    """Nobody at the other end is like a USB port that is not open: output is dropped, and nothing blocks."""

    def __init__(self) -> None:
        self._master, slave = os.openpty()
        os.set_blocking(self._master, False)
        self.path = os.ttyname(slave)
        tty.setraw(slave)
        os.close(slave)  # from here on EIO tells that no client has the port open
        self.attached = False
        self._backlog = bytearray()
        self._taken = time.monotonic()

    def fileno(self) -> int:
        """For select: of use only while `attached`."""
        return self._master

    def read(self) -> bytes:
        """What has arrived, b"" for nothing. Sets `attached`."""
        try:
            data = os.read(self._master, _CHUNK)
        except BlockingIOError:
            data = b""
        except OSError:
            self._detach()
            return b""
        if not self.attached:
            self.attached = True
            self._taken = time.monotonic()
        return data

    def write(self, data: bytes) -> None:
        """Send to the client, in the background if it is slow; see `full`."""
        if self.attached and not self._deaf:
            if not self._backlog:
                self._taken = time.monotonic()
            self._backlog += data
            self.flush()

    @property
    def waiting(self) -> bool:
        """True while some bytes have not been taken."""
        return bool(self._backlog)

    @property
    def full(self) -> bool:
        """True if the board has to wait for the client: like USB it does so for a while, not forever."""
        return len(self._backlog) >= _BACKLOG and not self._deaf

    @property
    def _deaf(self) -> bool:
        return len(self._backlog) >= _BACKLOG and time.monotonic() - self._taken > _PATIENCE

    def flush(self) -> None:
        """Pass on what the client takes without waiting."""
        while self._backlog:
            try:
                sent = os.write(self._master, self._backlog[:_CHUNK])
            except BlockingIOError:
                return
            except OSError:
                self._detach()
                return
            del self._backlog[:sent]
            self._taken = time.monotonic()

    def close(self) -> None:
        """Pull the plug."""
        os.close(self._master)

    def _detach(self) -> None:
        if self.attached:
            # The next client finds the port as new: no old output, and no mode that the last one left behind.
            termios.tcflush(self._master, termios.TCIOFLUSH)
            tty.setraw(self._master)
        self.attached = False
        self._backlog.clear()
