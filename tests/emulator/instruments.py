# SPDX-License-Identifier: MIT
"""Tools for tests of emulated boards: a serial terminal, and a view of the flash image."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import serial

LONGEST = 300.0  # seconds of a command: only a hang takes longer, even on a busy computer


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Waits for `condition`; fails if it does not become true."""
    end = time.monotonic() + LONGEST
    while not condition():
        assert time.monotonic() < end, f"{what}: not after {LONGEST} s"
        time.sleep(0.02)


class Console(serial.Serial):
    """A serial terminal; if the expected text does not come, it fails and shows what came."""

    def __init__(self, port: str) -> None:
        super().__init__(port, timeout=0.2, exclusive=True)
        self._seen = b""

    def expect(self, ending: bytes) -> bytes:
        """Returns everything up to and including `ending`."""
        end = time.monotonic() + LONGEST
        while ending not in self._seen:
            self._seen += self.read(max(1, self.in_waiting))
            assert time.monotonic() < end, f"no {ending!r} after {LONGEST} s, but {self._seen[-500:]!r}"
        at = self._seen.index(ending) + len(ending)
        seen, self._seen = self._seen[:at], self._seen[at:]
        return seen

    def friendly(self) -> None:
        """Goes to the friendly prompt, whatever runs."""
        self.write(b"\r\x03\x02")
        self.expect(b"information.\r\n>>> ")

    def type(self, line: bytes) -> None:
        """Types a line at the friendly prompt and reads its echo."""
        self.write(line + b"\r")
        self.expect(line + b"\r\n")

    def raw(self) -> None:
        """Goes to the raw REPL, whatever runs."""
        self.write(b"\r\x03\x01")
        self.expect(b"raw REPL; CTRL-B to exit\r\n>")


class Image:
    """The file with a board's flash, which shows what a program writes while no client is connected."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def expect(self, marker: bytes) -> None:
        """Waits until a file on the board contains `marker`."""
        wait_for(lambda: marker in self.path.read_bytes(), f"{marker!r} on the board's flash")


def interpreters(parent: int | None = None) -> set[int]:
    """Returns the process ids of interpreters of emulated boards that `parent` (this process) started."""
    ids = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent_id = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue  # it ended meanwhile
        if parent_id == (parent or os.getpid()) and b"launcher.py" in command:
            ids.add(int(folder.name))
    return ids
