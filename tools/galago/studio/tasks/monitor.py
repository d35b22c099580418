# SPDX-License-Identifier: MIT
"""Shows what a board classifies, until it is stopped; a board without a camera gets the held-out photos."""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from galago import dataset
from galago.errors import GalagoError
from galago.monitor import Event, Monitor, Notice, PictureLine, StartLine, listen, start_again, started
from galago.monitor.picture_sender import PictureSender
from galago.studio.reporter import Reporter
from galago.transport import SerialConsole

_PAUSE = 0.5  # seconds between two photos, so that people can follow


def run(order: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Restarts main.py and reports each picture, until it is interrupted."""
    device, monitor = order["device"], Monitor()
    sends = False
    with SerialConsole(device) as console:
        start_again(console)
        begin = started(console, monitor)
        start = yield_all(begin, reporter, monitor)
        sends = start.about.get("source", "host") == "host" and bool(order.get("photos"))
        if sends:
            for event in _sent(console, monitor, PictureSender(start.about), Path(order["photos"])):
                report(event, reporter, monitor)
    for event in listen(device, monitor):
        report(event, reporter, monitor)
    return {}


def yield_all(events: Any, reporter: Reporter, monitor: Monitor) -> StartLine:
    """Reports the events of a generator; returns what it returns."""
    while True:
        try:
            report(next(events), reporter, monitor)
        except StopIteration as end:
            return end.value


def report(event: Event | None, reporter: Reporter, monitor: Monitor) -> None:
    """Writes an event as a line; a picture's photo is named by its id."""
    if isinstance(event, PictureLine):
        photo = Path(str(event.line.get("image", ""))).stem
        frame = {"frame": f"/api/photos/{photo}?size=thumb"} if photo.isalnum() and photo[:1] == "p" else {}
        reporter.line("picture", line=event.line, counts=monitor.counts.as_dict(), **frame)
    elif isinstance(event, StartLine):
        about = event.about
        reporter.line("start", model=about.get("model"), backend=about.get("backend"))
    elif isinstance(event, Notice):
        reporter.line("notice", kind=event.kind, text=event.text)


def _sent(console: SerialConsole, monitor: Monitor, sender: PictureSender, folder: Path) -> Iterator[Event]:
    paths = dataset.picture_files(folder)
    # Classes take turns: each n-th photo of a sorted list.
    mixed = [path for first in range(7) for path in paths[first::7]]
    for path in itertools.cycle(mixed):
        try:
            yield from sender.send(console, monitor, path)
        except GalagoError as error:
            if not error.code.startswith("image."):
                raise
            yield Notice("log", error.message)
        time.sleep(_PAUSE)
