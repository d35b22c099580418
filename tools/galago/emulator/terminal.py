# SPDX-License-Identifier: MIT
"""The serial port of an emulated board: the owner's side of a pseudo-terminal.

terminal = Terminal()
terminal.path                        # what serial programs open
terminal.read() -> bytes             # what the client sent; notices when clients come and go
terminal.write(data)                 # bounded: without a client that reads, bytes are dropped
terminal.flush()                     # passes on as much as the client takes now
terminal.close()                     # pulls the plug: a client's next read fails
"""

import os
import termios
import time
import tty

_CHUNK = 16 * 1024
_BACKLOG = 64 * 1024  # bytes for a slow client before the board has to wait
_CLIENT_TIMEOUT = 5.0  # seconds without a byte taken until a client counts as not reading; rp2 waits 0.5 s


class Terminal:
    """Without a client it is like a USB port that is not open: output is dropped, and nothing blocks."""

    def __init__(self) -> None:
        self._master, slave = os.openpty()
        os.set_blocking(self._master, False)
        self.path = os.ttyname(slave)
        tty.setraw(slave)
        os.close(slave)  # from now on EIO means that no client has the port open
        self.attached = False
        self._backlog = bytearray()
        self._taken = time.monotonic()

    def fileno(self) -> int:
        """The descriptor for select; valid to poll only while `attached`."""
        return self._master

    def read(self) -> bytes:
        """Returns the bytes that have arrived, b"" for none. Updates `attached`."""
        try:
            data = os.read(self._master, _CHUNK)
        except BlockingIOError:
            data = None
        except OSError:
            data = b""
        if data == b"":  # no client: an error on Linux, the end of a file on macOS
            self._detach()
            return b""
        if not self.attached:
            self.attached = True
            self._taken = time.monotonic()
        return data or b""

    def write(self, data: bytes) -> None:
        """Send to the client; bytes that it does not take yet are queued (see `full`)."""
        if self.attached and not self._client_stuck:
            if not self._backlog:
                self._taken = time.monotonic()
            self._backlog += data
            self.flush()

    @property
    def waiting(self) -> bool:
        """Whether bytes are queued."""
        return bool(self._backlog)

    @property
    def full(self) -> bool:
        """Whether the board has to wait for the client; as with USB, it waits for a while, not forever."""
        return len(self._backlog) >= _BACKLOG and not self._client_stuck

    @property
    def _client_stuck(self) -> bool:
        return len(self._backlog) >= _BACKLOG and time.monotonic() - self._taken > _CLIENT_TIMEOUT

    def flush(self) -> None:
        """Pass on as many queued bytes as the client takes without blocking."""
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
            # The next client finds a fresh port: no old output, and no terminal mode of the last client.
            # Input stays: all of it is the next client's, who may have opened the port meanwhile.
            termios.tcflush(self._master, termios.TCOFLUSH)
            tty.setraw(self._master)
        self.attached = False
        self._backlog.clear()
