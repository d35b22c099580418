# SPDX-License-Identifier: MIT
"""A real MicroPython interpreter that runs damaged files, and is restarted after a crash.

with InterpreterUnderTest(largest=len(model)) as board:
    verdict = board.judge(model)        # ok, long, an error code, or fault: crashes and hangs are faults too
"""

import contextlib
import os
import select
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

from galago import micropython
from galago.native import mpy
from galago.resources import firmware_dir

SCRIPT = Path(__file__).with_name("on_board.py")
SECONDS = 2.0  # CPU time for one file
# Bytes of heap in addition to the file: the engine's code, the script, and all that they allocate.
ROOM = 1 << 19
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Verdict:
    """The outcome for a file: ok, long, fault, or the code of a GalagoError; and the bytes of heap in use."""

    outcome: str
    detail: str
    heap: int = 0


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="galago-fuzz-")  # kept until this process ends


@cache
def _package() -> str:
    """Returns the folder of the device package as .mpy files, as on boards: compiled only once."""
    for source in (firmware_dir() / "mobilenet").rglob("*.py"):
        target = Path(_folder().name, source.relative_to(firmware_dir())).with_suffix(".mpy")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(mpy.compile(source, "x64"))
    return _folder().name


class InterpreterUnderTest:
    """The interpreter, in a folder of its own, with a heap of ROOM bytes plus the largest file so far."""

    def __init__(self, largest: int, script: Path = SCRIPT) -> None:
        self._largest, self._script = largest, script
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._folder.cleanup()

    def close(self) -> None:
        """Stops the interpreter."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _start(self) -> subprocess.Popen[bytes]:
        if not self._process:
            self._process = subprocess.Popen(
                micropython.command("-X", f"heapsize={self._largest + ROOM}", str(self._script)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,  # output before a crash must not stay in a buffer
                env={**os.environ, "MICROPYPATH": f"{_package()}:{SCRIPT.parent}"},
                cwd=self.folder,
            )
            assert self._process.stdin
            self._process.stdin.write(b"%d\n" % self._largest)
            started = self._answer()
            if started.outcome != "ready":
                raise RuntimeError(started.detail)
        return self._process

    def judge(self, data: bytes) -> Verdict:
        """Has the interpreter load and run a file; returns its verdict."""
        if len(data) > self._largest:
            self.close()
            self._largest = len(data)
        process = self._start()
        assert process.stdin
        with contextlib.suppress(BrokenPipeError):  # the answer tells how it crashed
            process.stdin.write(b"%d\n" % len(data) + data)
        return self._answer()

    def _answer(self) -> Verdict:
        process = self._process
        assert process
        assert process.stdout
        start = self._used(process.pid)
        while not select.select([process.stdout], [], [], 0.2)[0]:
            if self._used(process.pid) - start > SECONDS:
                self.close()
                return Verdict("fault", f"hangs for more than {SECONDS:.0f} s")
        line = process.stdout.readline().decode(errors="replace").strip()
        heap, _, text = line.partition(" ")
        if not heap.isdigit():
            rest = process.stdout.read().decode(errors="replace")
            status = process.wait()
            self.close()
            return Verdict("fault", f"the interpreter ended with {status}: {line} {rest}".strip())
        outcome, _, detail = text.partition(" ")
        return Verdict(outcome, detail, int(heap))

    @staticmethod
    def _used(pid: int) -> float:
        """Returns seconds of CPU time: on a busy machine, a slow answer is not a hang."""
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return 0.0
        return (int(fields[11]) + int(fields[12])) / _TICKS
