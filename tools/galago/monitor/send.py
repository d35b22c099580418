# SPDX-License-Identifier: MIT
"""Pictures for a board whose source is `host` (mobilenet.sources): fitted here, sent over its serial line.

sender = Sender(start.about)            # what the board said when it started
for path in paths:
    yield from sender.send(listener, monitor, path)
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
from galago.transport import Listener

_TAKEN = b"\x06"
_PATIENCE = 30.0  # seconds without an answer, longer than an inference


class Sender:
    """Sends pictures as the board's model wants them."""

    def __init__(self, about: dict[str, Any]) -> None:
        self._height, self._width, _ = about["input"]
        self._resize = about["resize"]

    def send(self, listener: Listener, monitor: Monitor, path: Path) -> Iterator[Event]:
        """Sends one picture; gives what the board says meanwhile, its line about it last.

        Raises GalagoError image.* for a file that is no picture, port.* if the board does not answer.
        """
        rgb = pictures.resize(pictures.load(path), self._height, self._width, 3, self._resize)
        name = path.name.encode("utf-8", "replace").decode()
        header = f'{{"image": {json.dumps(name)}, "width": {self._width}, "height": {self._height}}}\n'
        for line in (header.encode(), *(binascii.b2a_base64(row.tobytes()) for row in rgb)):
            listener.write(line)
            yield from self._answer(listener, monitor, wait_for_line=False)
        yield from self._answer(listener, monitor, wait_for_line=True)

    def _answer(self, listener: Listener, monitor: Monitor, wait_for_line: bool) -> Iterator[Event]:
        """Until the board has taken a line, or has said what it thinks of the picture."""
        before = monitor.counts.pictures
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            data = listener.read()
            yield from monitor.feed(data.replace(_TAKEN, b""))
            if monitor.counts.pictures > before or (_TAKEN in data and not wait_for_line):
                return
        raise GalagoError(
            "port.timeout", f"{listener.name}: no answer in time: reset the board and try again"
        )
