# SPDX-License-Identifier: MIT
"""What a training shows while it runs: a bar with the time left on a terminal, a line per epoch elsewhere.

with Progress(console) as progress:
    progress.begin("training", steps=2400)
    progress.advance()
    progress.say("epoch 1 of 40: …")
"""

from types import TracebackType
from typing import Any


class Progress:
    """One bar at a time. `say` prints a line above it."""

    def __init__(self, console: Any) -> None:
        from rich import progress

        self._console = console
        self._bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.TaskProgressColumn(),
            progress.TimeRemainingColumn(),
            progress.TextColumn("left"),
            console=console,
            transient=True,
            speed_estimate_period=120,
        )
        self._task: Any = None

    def __enter__(self) -> "Progress":
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def stop(self) -> None:
        """No bar any more: something else is printed."""
        self._bar.stop()

    def begin(self, what: str, steps: int, done: int = 0) -> None:
        """Starts a new bar of that many steps, some of which may be done."""
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(what, total=steps, completed=done)

    def advance(self, steps: int = 1) -> None:
        """Some steps more are done."""
        self._bar.advance(self._task, steps)

    def say(self, text: str) -> None:
        """A line that stays."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
