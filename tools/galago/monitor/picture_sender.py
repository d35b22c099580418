# SPDX-License-Identifier: MIT
"""Send pictures to a board whose source is `host` (mobilenet.sources): resized here, sent over serial.

sender = PictureSender(start.about)     # what the board said when it started
for path in paths:
    yield from sender.send(console, monitor, path)
"""

import binascii
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from galago import pictures
from galago.errors import GalagoError
from galago.monitor import Event, Monitor
from galago.transport import SerialConsole

_ACK = b"\x06"
_PATIENCE = 30.0  # seconds without an answer, longer than an inference


class PictureSender:
    """Sends pictures in the size that the board's model needs."""

    def __init__(self, about: dict[str, Any]) -> None:
        self._height, self._width, _ = about["input"]
        self._resize = about["resize"]

    def send(self, console: SerialConsole, monitor: Monitor, path: Path) -> Iterator[Event]:
        """Send one picture and yield what the board prints meanwhile; the picture's own line comes last.

        Raises GalagoError image.* for a file that is not a picture, port.* if the board does not answer.
        """
        rgb = pictures.resized(path, self._height, self._width, self._resize)
        name = path.name.encode("utf-8", "replace").decode()
        header = f'{{"image": {json.dumps(name)}, "width": {self._width}, "height": {self._height}}}\n'
        before = monitor.counts.pictures
        for line in (header.encode(), *(binascii.b2a_base64(row.tobytes()) for row in rgb)):
            console.write(line)
            yield from _answer(console, monitor, before, wait_for_line=False)
            if monitor.counts.pictures > before:
                return  # its line came with the last acknowledgement, or says what is wrong with a row
        yield from _answer(console, monitor, before, wait_for_line=True)


def _answer(console: SerialConsole, monitor: Monitor, before: int, wait_for_line: bool) -> Iterator[Event]:
    """Read until the board has acknowledged a line, or has printed its line about the picture.

    `before` is how many pictures were counted before this one.
    """
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        data = console.read()
        yield from monitor.feed(data.replace(_ACK, b""))
        if monitor.counts.pictures > before or (_ACK in data and not wait_for_line):
            return
    raise GalagoError("port.timeout", f"{console.name}: no answer in time: reset the board and try again")
