# SPDX-License-Identifier: MIT
"""How a job tells the server what it does: one JSON object per line on standard output.

reporter.progress("training", 120, 2400)        # at most a few a second are written
reporter.line("say", text="60 photos …")
ReportedProgress(reporter)                      # the same for functions that train
"""

import json
import time
from typing import Any, TextIO

from galago.train.progress import Progress

_BETWEEN = 0.25  # seconds between two lines of progress
_WINDOW = 20.0  # seconds of work that the time left is estimated from


class Reporter:
    """Writes lines; the server reads them from a file, so that they outlive it."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._phase, self._written = "", 0.0
        self._past: list[tuple[float, int]] = []

    def line(self, kind: str, /, **content: Any) -> None:
        """Writes a line of a type."""
        print(json.dumps({"type": kind, **content}, ensure_ascii=False), file=self._out, flush=True)

    def progress(self, phase: str, done: int, total: int) -> None:
        """Says how far a phase is, with an estimate of its seconds left."""
        now = time.monotonic()
        if phase != self._phase:
            self._phase, self._past, self._written = phase, [], 0.0
        self._past = [(at, count) for at, count in self._past if now - at < _WINDOW]
        self._past.append((now, done))
        if now - self._written < _BETWEEN and done != total:
            return
        self._written = now
        (start, before), left = self._past[0], None
        if done > before and now > start:
            left = round((total - done) * (now - start) / (done - before), 1)
        self.line("progress", phase=phase, done=done, total=total, seconds_left=left)


class ReportedProgress(Progress):
    """The progress of a training, as lines."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._title, self._done, self._total = "", 0, 1

    def stop(self) -> None:
        """There is no bar to remove."""

    def begin(self, title: str, steps: int, done: int = 0) -> None:
        """Begins a phase."""
        self._title, self._done, self._total = title, done, steps
        self.advance(0)

    def advance(self, steps: int = 1) -> None:
        """Counts steps of the phase."""
        self._done += steps
        self._reporter.progress(self._title, self._done, self._total)

    def say(self, text: str) -> None:
        """Writes a line for people."""
        self._reporter.line("say", text=text)

    def epoch(self, row: dict[str, Any], epochs: int) -> None:
        """Writes the figures of an epoch."""
        self._reporter.line("epoch", epochs=epochs, **row)
