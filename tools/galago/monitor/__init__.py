# SPDX-License-Identifier: MIT
"""Read what a board prints by itself, and account for every line.

monitor = Monitor()
for event in monitor.feed(data):        # bytes as they arrive: lines may be cut, corrupt or run together
    ...                                 # PictureLine(line), StartLine(about), or Notice(kind, text)
monitor.counts                          # LineCounts

Lines of main.py end with a CRC-32, so that a corrupt one is never taken for a picture. Their numbers show
what is missing: they go up by one, and a line `start` says with which number they continue after a restart.
"""

import json
import time
import zlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from galago.errors import GalagoError
from galago.transport import SerialConsole
from galago.transport.answers import ERROR, conform, picture_line

_LONGEST = 1 << 16  # bytes without a line end that are taken for noise
_SILENCE = 5.0  # seconds without output after which the board is asked, and the user told what to do
_RESET = 10.0  # seconds until a soft reset shows
_BOOT = 30.0  # seconds until main.py starts
_RETRY = 0.5  # seconds between attempts to open a port that is gone
_DECODER = json.JSONDecoder(strict=False)
_START = {"seq": int, "model?": str, "backend?": str, "source?": str, "input?": [int], "resize?": str}
_OPENINGS = ('{"seq"', '{"start"', '{"error"')


class PictureLine(NamedTuple):
    """The serial line of one picture."""

    line: dict[str, Any]


class StartLine(NamedTuple):
    """The line that a board prints when it starts its work."""

    about: dict[str, Any]


class Notice(NamedTuple):
    """Anything else; `kind` is lost, damaged, doubled, skipped, board, log, or port."""

    kind: str
    text: str


Event = PictureLine | StartLine | Notice


@dataclass
class LineCounts:
    """Counts of all lines so far."""

    pictures: int = 0
    errors: int = 0
    """How many of these pictures were not classified."""
    lost: int = 0
    """Numbers of which no intact line arrived."""
    doubled: int = 0
    """Lines whose number had come before."""
    skipped: int = 0
    """Numbers that a restart left out."""
    damaged: int = 0
    """Lines that arrived corrupt."""
    restarts: int = 0

    def as_dict(self) -> dict[str, int]:
        """Return the counts as a dict for JSON."""
        return asdict(self)


class Monitor:
    """Turns bytes into events. Memory is bounded, whatever arrives."""

    def __init__(self) -> None:
        self.counts = LineCounts()
        self._buffer = bytearray()
        self._next: int | None = None  # the number that comes next
        self._sealed = False  # whether lines carry checksums: then a line without one is corrupt

    def feed(self, data: bytes) -> Iterator[Event]:
        """Take the bytes that arrived and yield the events that they complete."""
        self._buffer += data
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            yield from self._line(line)
        if len(self._buffer) > _LONGEST:
            self._buffer.clear()
            yield self._damaged("64 KiB without a line end")

    @property
    def at_prompt(self) -> bool:
        """Whether the last thing that arrived is the prompt of the REPL: no program runs."""
        return self._buffer.endswith(b">>> ")

    @property
    def started(self) -> bool:
        """Whether main.py has started, as far as the board has said."""
        return self._next is not None

    def broken(self) -> Iterator[Event]:
        """Take what has arrived of a line for all of it: the connection is gone."""
        line = bytes(self._buffer)
        self._buffer.clear()
        if line.strip():
            yield from self._line(line)

    def _line(self, line: bytes) -> Iterator[Event]:
        # One character for one byte, so that positions are the same; JSON's own signs are ASCII.
        text = line.decode("latin-1").strip("\r\x06\x00 ")
        found = False
        at = 0
        while (at := _opening(text, at)) >= 0:
            try:
                _, end = _DECODER.raw_decode(text, at)
            except (ValueError, RecursionError):
                at += 1
                continue
            value = self._unsealed(text[at:end].encode("latin-1"))
            if value is not None:
                found = True
                yield from self._object(value)
                at = end
            else:
                at += 1
        if not found and text:
            if any(opening[2:] in text for opening in _OPENINGS) or '"crc"' in text:
                yield self._damaged(text[:60])
            else:
                yield Notice("log", line.decode(errors="replace").strip())

    def _object(self, value: dict[str, Any]) -> Iterator[Event]:
        for form, take in ((picture_line, self._picture), (_start_line, self._start), (_error_line, _report)):
            try:
                content = form(value)
            except ValueError:
                continue
            yield from take(content)
            return

    def _picture(self, line: dict[str, Any]) -> Iterator[Event]:
        seq = line["seq"]
        if self._next is not None and seq < self._next:
            self.counts.doubled += 1
            yield Notice("doubled", f"number {seq} came again")
            return
        if self._next is not None and seq > self._next:
            self.counts.lost += seq - self._next
            yield Notice("lost", f"{_numbers(self._next, seq)} did not arrive")
        self._next = seq + 1
        self.counts.pictures += 1
        self.counts.errors += "error" in line
        yield PictureLine(line)

    def _start(self, about: dict[str, Any]) -> Iterator[Event]:
        self.counts.restarts += self._next is not None
        if self._next is not None and about["seq"] > self._next:
            self.counts.skipped += about["seq"] - self._next
            yield Notice(
                "skipped", f"{_numbers(self._next, about['seq'])} left out: the board lost its power"
            )
        elif self._next is not None and about["seq"] < self._next:
            yield Notice("skipped", f"numbers start again at {about['seq']}: the board has lost its count")
        self._next = about["seq"]
        yield StartLine(about)

    def _unsealed(self, data: bytes) -> dict[str, Any] | None:
        """Return a line's object, without its checksum; None if the checksum is wrong or missing."""
        value = json.loads(data.decode(errors="replace"), strict=False)
        checksum = value.pop("crc", None)
        if checksum is None:
            return None if self._sealed else value
        sealed = data[: data.rfind(b', "crc"')]
        if f"{zlib.crc32(sealed):08x}" != checksum:
            return None
        self._sealed = True
        return value

    def _damaged(self, text: str) -> Notice:
        self.counts.damaged += 1
        return Notice("damaged", f"a line arrived corrupt: {text!r}")


def listen(
    port: str, monitor: Monitor, opened: Callable[[SerialConsole], None] = lambda console: None
) -> Generator[Event | None]:
    """Yield events from a port, forever; None when nothing happens for a while.

    `opened` is called each time the port opens. A port that goes away is waited for.
    Raises GalagoError port.* if it does not open at first.
    """
    console = SerialConsole(port)
    while True:
        with console:
            try:
                opened(console)
                yield from _received(console, monitor)
            except GalagoError as error:
                yield from monitor.broken()
                yield Notice("port", f"{error.message}")
        while True:
            try:
                console = SerialConsole(port)
                break
            except GalagoError:
                yield None
                time.sleep(_RETRY)
        yield Notice("port", f"{console.name} is back")


def start_again(console: SerialConsole) -> None:
    """Soft-reset the board, so that main.py starts. Discards what the board sent before."""
    console.write(b"\r\x03\x03\r\x02\x04")
    received, deadline = b"", time.monotonic() + _RESET
    while b"soft reboot" not in received and time.monotonic() < deadline:
        received = received[-20:] + console.read()
    console.unread(received.partition(b"soft reboot")[2])


def started(console: SerialConsole, monitor: Monitor) -> Generator[Event, None, StartLine]:
    """Yield events until main.py says that it starts; returns that. Raises GalagoError board.answer."""
    deadline = time.monotonic() + _BOOT
    start = None
    while start is None:
        if time.monotonic() > deadline:
            raise GalagoError(
                "board.answer",
                f"{console.name}: main.py does not start: galago doctor --port {console.name} says why",
            )
        for event in monitor.feed(console.read()):
            yield event
            start = event if isinstance(event, StartLine) else start
    return start


def _received(console: SerialConsole, monitor: Monitor) -> Iterator[Event | None]:
    """Yield events until the port is lost; once, say why a board is silent. Raises GalagoError port.lost."""
    heard = time.monotonic()
    explained = asked = False
    again = f"galago monitor --port {console.name} --restart starts it"
    while True:
        data = console.read()
        yield from monitor.feed(data)
        if data:
            heard = time.monotonic()
            explained = explained and monitor.at_prompt
            continue
        if monitor.at_prompt and not explained:
            explained = True
            what = "main.py has ended" if monitor.started else "the board is at its prompt, no main.py runs"
            yield Notice("board", f"{what}: {again}, galago doctor --port {console.name} says what is wrong")
        elif not asked and time.monotonic() - heard > _SILENCE:
            asked, heard = True, time.monotonic()
            console.write(b"\r")  # a board at its prompt prints it again; main.py skips an empty line
        elif not explained and time.monotonic() - heard > _SILENCE:
            explained = True
            yield Notice(
                "board",
                f"no output and no prompt: a program runs, and computes, pauses ('interval') or waits for "
                f"pictures (--send): {again} again, galago config --port {console.name} shows its settings",
            )
        yield None


def _start_line(value: object) -> dict[str, Any]:
    return conform(value, {"start": _START})["start"]


def _error_line(value: object) -> dict[str, Any]:
    return conform(value, {"error": ERROR})["error"]


def _report(error: dict[str, Any]) -> Iterator[Event]:
    yield Notice("board", f"{error['message']} ({error['code']})")


def _opening(text: str, at: int) -> int:
    """Return where the next object may begin, or -1."""
    found = [place for opening in _OPENINGS if (place := text.find(opening, at)) >= 0]
    return min(found, default=-1)


def _numbers(first: int, end: int) -> str:
    return f"number {first}" if end == first + 1 else f"numbers {first} to {end - 1}"
