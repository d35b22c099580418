# SPDX-License-Identifier: MIT
"""Progress of a training: a bar with the time left on a terminal, and lines of text above it.

with Progress(console) as progress:
    progress.begin("training", steps=2400)
    progress.advance()
    progress.say("epoch 1 of 40: …")
"""

from types import TracebackType
from typing import Any


class Progress:
    """Shows one bar at a time. `console` is a rich.console.Console; only a terminal shows the bar."""

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
        self.stop()

    def stop(self) -> None:
        """Removes the bar, so that other text can be printed."""
        if self._console.is_terminal:  # rich would end a bar that was never shown with an empty line
            self._bar.stop()

    def begin(self, title: str, steps: int, done: int = 0) -> None:
        """Replaces the bar by a new one of `steps` steps, of which `done` are finished already."""
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(title, total=steps, completed=done)

    def advance(self, steps: int = 1) -> None:
        """Moves the bar on by some steps."""
        self._bar.advance(self._task, steps)

    def say(self, text: str) -> None:
        """Prints a line that stays."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def epoch(self, row: dict[str, Any], epochs: int) -> None:
        """Takes the figures of a finished epoch, one of `epochs` of its stage; `say` gets them as text.

        Epochs of the fine-tuning for int8, which have no accuracy, are not among them.
        """
