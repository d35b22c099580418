# SPDX-License-Identifier: MIT
"""A progress bar for work that usually takes no time."""

import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")

_DELAY = 2.0  # seconds of work after which the bar appears


def with_progress(items: Sequence[Item], title: str) -> Iterator[Item]:
    """Yields the items, and shows a bar on stderr if working on them takes more than two seconds."""
    start, progress, task = time.monotonic(), None, None
    try:
        for done, item in enumerate(items):
            if progress is None and time.monotonic() - start > _DELAY:
                from rich.progress import Progress

                from galago.cli.output import Console

                progress = Progress(console=Console(stderr=True), transient=True)
                progress.start()
                task = progress.add_task(title, total=len(items))
            if progress is not None and task is not None:
                progress.update(task, completed=done)
            yield item
    finally:
        if progress is not None:
            progress.stop()
