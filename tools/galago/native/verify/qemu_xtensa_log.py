# SPDX-License-Identifier: MIT
"""QEMU's log, read while it is written: the basic blocks that were executed, and their instructions.

log = Log(marker, range(code, end))
…                         # start QEMU with -d in_asm,exec,nochain,strace -D log.path and log.end inherited
log.start()
log.expect()              # whenever the program reports that it has passed the marker
log.executed()
"""

import os
import re
import threading
from collections import Counter

_EXECUTED = re.compile(rb"^Trace \d+: \S+ \[\w+/(\w+)/", re.MULTILINE)
_LISTED = re.compile(r"0x(\w{8}):  (.*)")
_SIGNAL = re.compile(r"--- (SIG\w+) .*?si_addr=(0x\w+|NULL|nil)")
_CHUNK = 1 << 20
_TAIL = 4096  # bytes kept of the log's end


class Log:
    """A thread that reads the log and counts blocks; those that begin outside `code` are left out."""

    def __init__(self, marker: int, code: range) -> None:
        self.listings: dict[tuple[int, int], list[str]] = {}  # address and bytes of a block → instructions
        self._marker, self._code = b"%08x" % marker, code
        self._blocks: dict[int, tuple[int, int]] = {}
        self._counts: Counter[bytes] = Counter()
        self._passed = self._expected = 0
        self._tail = b""
        self._changed = threading.Condition()
        self._begin, self.end = os.pipe()
        self.path = f"/dev/fd/{self.end}"
        self._thread = threading.Thread(target=self._read, daemon=True)

    def start(self) -> None:
        """Starts reading, once QEMU has inherited `end`."""
        os.close(self.end)
        self._thread.start()

    def close(self) -> None:
        """Waits for the end of the log, after QEMU has ended."""
        self._thread.join()
        os.close(self._begin)

    def expect(self) -> None:
        """Expects that the program passes the marker once more."""
        self._expected += 1

    def executed(self) -> Counter[tuple[int, int]]:
        """The blocks executed since the last call, up to the last expected marker, and how often."""
        with self._changed:
            self._changed.wait_for(lambda: self._passed >= self._expected or not self._thread.is_alive())
            counts, self._counts = self._counts, Counter()
        found: Counter[tuple[int, int]] = Counter()
        for address, times in counts.items():
            if int(address, 16) in self._code:
                found[self._blocks[int(address, 16)]] += times
        return found

    def signal(self) -> tuple[str, int, int]:
        """How the program ended: the signal, the address that caused it, and the last block executed."""
        self._thread.join()
        executed = _EXECUTED.findall(self._tail)
        found = _SIGNAL.search(self._tail.decode("latin-1"))
        where = int(executed[-1], 16) if executed else 0
        if not found:
            return "", 0, where
        return found[1], int(found[2], 16) if found[2].startswith("0x") else 0, where

    def _read(self) -> None:
        rest = b""
        while chunk := os.read(self._begin, _CHUNK):
            text, newline, rest = (rest + chunk).rpartition(b"\n")
            text += newline
            executed = _EXECUTED.findall(text)
            if b"IN:" in text:
                # The listing of a block comes in one piece, before the block is first executed.
                if text.rfind(b"IN:") > text.rfind(b"\n\n"):
                    cut = text.rfind(b"IN:")
                    text, rest = text[:cut], text[cut:] + rest
                    executed = _EXECUTED.findall(text)
                for listing in text.split(b"IN:")[1:]:
                    self._list(listing.decode("latin-1").split("\n\n")[0])
            with self._changed:
                self._tail = (self._tail + text)[-_TAIL:]
                self._counts.update(executed)
                self._passed = self._passed + executed.count(self._marker)
                self._changed.notify_all()
        with self._changed:
            self._tail = (self._tail + rest)[-_TAIL:]
            self._changed.notify_all()

    def _list(self, text: str) -> None:
        lines = [(int(address, 16), line.strip()) for address, line in _LISTED.findall(text)]
        if lines:
            last, instruction = lines[-1]
            size = last - lines[0][0] + (2 if instruction.split()[0].endswith(".n") else 3)
            self._blocks[lines[0][0]] = lines[0][0], size
            self.listings[lines[0][0], size] = [line.replace("\t", " ") for _, line in lines]
