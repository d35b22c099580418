# SPDX-License-Identifier: MIT
"""What tests look at an emulated board with: a serial terminal, and the file of its flash."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import serial

LONGEST = 30  # seconds; more than any answer takes on a busy machine


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Fails when `condition` does not become true."""
    end = time.monotonic() + LONGEST
    while not condition():
        assert time.monotonic() < end, f"{what}: not after {LONGEST} s"
        time.sleep(0.02)


class Console(serial.Serial):
    """A serial terminal that fails, and shows what came, when what it waits for does not come."""

    def __init__(self, port: str) -> None:
        super().__init__(port, timeout=0.2, exclusive=True)
        self._seen = b""

    def expect(self, ending: bytes) -> bytes:
        """Everything up to and including `ending`."""
        end = time.monotonic() + LONGEST
        while ending not in self._seen:
            self._seen += self.read(max(1, self.in_waiting))
            assert time.monotonic() < end, f"no {ending!r} after {LONGEST} s, but {self._seen[-500:]!r}"
        at = self._seen.index(ending) + len(ending)
        seen, self._seen = self._seen[:at], self._seen[at:]
        return seen

    def friendly(self) -> None:
        """To the friendly prompt, whatever runs."""
        self.write(b"\r\x03\x02")
        self.expect(b"information.\r\n>>> ")

    def type(self, line: bytes) -> None:
        """A line at the friendly prompt, past its echo."""
        self.write(line + b"\r")
        self.expect(line + b"\r\n")

    def raw(self) -> None:
        """To the raw REPL, whatever runs."""
        self.write(b"\r\x03\x01")
        self.expect(b"raw REPL; CTRL-B to exit\r\n>")


class Image:
    """The file with a board's flash: shows what a program has written while nobody is connected."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def expect(self, marker: bytes) -> None:
        """Wait until a file on the board contains `marker`."""
        wait_for(lambda: marker in self.path.read_bytes(), f"{marker!r} on the board's flash")


def interpreters(parent: int | None = None) -> set[int]:
    """The process ids of the interpreters of emulated boards that `parent` (this process) started."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            mother = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue  # it ended meanwhile
        if mother == (parent or os.getpid()) and b"launcher.py" in command:
            found.add(int(folder.name))
    return found
