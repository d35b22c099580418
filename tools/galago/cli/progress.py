# SPDX-License-Identifier: MIT
"""Progress bars, which leave no trace where there is no terminal."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import rich.console
    from rich.progress import Progress, ProgressColumn

Item = TypeVar("Item")

_DELAY = 2.0  # seconds of work after which the bar appears


@contextmanager
def progress_bar(console: "rich.console.Console", *columns: "str | ProgressColumn") -> Iterator["Progress"]:
    """Shows a bar until the block ends; without a terminal, where rich would print an empty line, nothing."""
    from rich.progress import Progress

    progress = Progress(*columns, console=console, transient=True, disable=not console.is_interactive)
    if progress.disable:
        yield progress
        return
    with progress:
        yield progress


def with_progress(items: Sequence[Item], title: str) -> Iterator[Item]:
    """Yields the items, and shows a bar on stderr if working on them takes more than two seconds."""
    start, progress, task = time.monotonic(), None, None
    with ExitStack() as shown:
        for done, item in enumerate(items):
            if progress is None and time.monotonic() - start > _DELAY:
                from galago.cli.output import Console

                progress = shown.enter_context(progress_bar(Console(stderr=True)))
                task = progress.add_task(title, total=len(items))
            if progress is not None and task is not None:
                progress.update(task, completed=done)
            yield item
