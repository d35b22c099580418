# SPDX-License-Identifier: MIT
"""What a board says by itself, each line accounted for.

monitor = Monitor()
for event in monitor.feed(data):        # bytes as they come: lines may be cut, spoilt or run together
    ...                                 # Picture(line), Start(...), or Notice(text)
monitor.finish()                        # Counts

Lines of main.py end with a CRC-32: a spoilt one is no picture. Numbers tell what is missing: they go up by
one, and a line `start` says with which they go on after a restart.
"""

import json
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from galago.errors import GalagoError
from galago.transport import Listener

_LONGEST = 1 << 16  # bytes without a line end, after which they are noise
_RETRY = 0.5  # seconds between looks for a port that is gone
_DECODER = json.JSONDecoder(strict=False)
_OPENINGS = ('{"seq"', '{"start"', '{"error"')


class Picture(NamedTuple):
    """The serial line of one picture."""

    line: dict[str, Any]


class Start(NamedTuple):
    """A board has started its work, and said so."""

    about: dict[str, Any]


class Notice(NamedTuple):
    """Anything else: `kind` is lost, damaged, doubled, skipped, board, log, or port."""

    kind: str
    text: str


Event = Picture | Start | Notice


@dataclass
class Counts:
    """Of all lines so far."""

    pictures: int = 0
    errors: int = 0
    """Pictures of them that were not classified."""
    lost: int = 0
    """Numbers that never arrived whole."""
    doubled: int = 0
    skipped: int = 0
    """Numbers that a restart left out."""
    damaged: int = 0
    """Lines that arrived spoilt."""
    restarts: int = 0

    def as_dict(self) -> dict[str, int]:
        """For JSON."""
        return asdict(self)


class Monitor:
    """Turns bytes into events. Memory is bounded, whatever arrives."""

    def __init__(self) -> None:
        self.counts = Counts()
        self._buffer = bytearray()
        self._next: int | None = None  # the number that comes next
        self._sealed = False  # whether lines carry checksums: then those without one are spoilt

    def feed(self, data: bytes) -> Iterator[Event]:
        """Takes what arrived; gives what it completes."""
        self._buffer += data
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            yield from self._line(line)
        if len(self._buffer) > _LONGEST:
            self._buffer.clear()
            yield self._damaged("64 KiB without a line end")

    def broken(self) -> Iterator[Event]:
        """The connection is gone: what had arrived of a line is all of it."""
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
        if isinstance(value.get("seq"), int) and _is_answer(value):
            yield from self._picture(value)
        elif isinstance(value.get("start"), dict) and isinstance(value["start"].get("seq"), int):
            yield from self._start(value["start"])
        elif isinstance(value.get("error"), dict):
            yield Notice("board", f"{value['error'].get('message')} ({value['error'].get('code')})")

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
        yield Picture(line)

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
        yield Start(about)

    def _unsealed(self, data: bytes) -> dict[str, Any] | None:
        """The object of a line whose checksum is right, without it; None for a spoilt line."""
        value = json.loads(data.decode(errors="replace"), strict=False)
        given = value.pop("crc", None)
        if given is None:
            return None if self._sealed else value
        sealed = data[: data.rfind(b', "crc"')]
        if f"{zlib.crc32(sealed):08x}" != given:
            return None
        self._sealed = True
        return value

    def _damaged(self, text: str) -> Notice:
        self.counts.damaged += 1
        return Notice("damaged", f"a line arrived spoilt: {text!r}")


def listen(
    port: str, monitor: Monitor, opened: Callable[[Listener], None] = lambda listener: None
) -> Iterator[Event | None]:
    """Events from a port, for ever; None when nothing happens for a while.

    `opened` is called each time that the port opens. A port that goes away is waited for.
    Raises GalagoError port.* if it does not open at first.
    """
    listener = Listener(port)
    while True:
        with listener:
            try:
                opened(listener)
                while True:
                    data = listener.read()
                    yield from monitor.feed(data)
                    if not data:
                        yield None
            except GalagoError as error:
                yield from monitor.broken()
                yield Notice("port", f"{error.message}")
        while True:
            try:
                listener = Listener(port)
                break
            except GalagoError:
                yield None
                time.sleep(_RETRY)
        yield Notice("port", f"{listener.name} is back")


def _is_answer(line: dict[str, Any]) -> bool:
    """Whether a line says something of a picture: boards that seal no lines may send anything."""
    if isinstance(line.get("error"), dict):
        return True
    top = line.get("top")
    return (
        isinstance(top, list)
        and bool(top)
        and all(isinstance(each, dict) and isinstance(each.get("label"), str) for each in top)
        and all(type(each.get("confidence")) in (int, float) for each in top)
        and all(type(us) is int for us in line.get("us", {}).values())
    )


def _opening(text: str, at: int) -> int:
    """Where the next object may begin, or -1."""
    found = [place for opening in _OPENINGS if (place := text.find(opening, at)) >= 0]
    return min(found, default=-1)


def _numbers(first: int, end: int) -> str:
    return f"number {first}" if end == first + 1 else f"numbers {first} to {end - 1}"
