# SPDX-License-Identifier: MIT
"""The progress of a sweep on a terminal: trials, the best so far for each board, the time left.

with LiveProgress(console, boards) as show:
    show.say("003-v1-025-96: 88.1% right in int8")
    show.update(trials, seconds_left=1200)
"""

from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from galago.sweep.folder import Trial


class LiveProgress:
    """Shows lines that change on a terminal, and lines that stay anywhere; `console` is rich's."""

    def __init__(self, console: Any, boards: Sequence[str]) -> None:
        from rich.live import Live

        self._console, self._boards = console, boards
        self._live = (
            Live(console=console, transient=True, auto_refresh=False) if console.is_terminal else None
        )

    def __enter__(self) -> "LiveProgress":
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def say(self, text: str) -> None:
        """Prints a line that stays."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def update(self, trials: list[Trial], seconds_left: float) -> None:
        """Shows the state of all trials."""
        if self._live:
            self._live.update("\n".join(lines(trials, self._boards, seconds_left)), refresh=True)


def lines(trials: Sequence[Trial], boards: Sequence[str], seconds_left: float) -> list[str]:
    """Returns what a terminal shows: a line on all trials, one per board, one per running trial."""
    counts = Counter(trial.state for trial in trials)
    parts = [
        f"{counts[state]} {state}" for state in ("finished", "stopped", "failed", "running") if counts[state]
    ]
    text = [f"trials: {', '.join(parts) or 'none yet'}; {duration(seconds_left)} left"]
    for board in boards:
        fitting = [trial for trial in trials if board in trial.costs]
        best = max(fitting, key=lambda trial: trial.result["accuracy"], default=None)
        if best:
            time = best.costs[board].milliseconds
            text.append(f"{board}: best so far {best.result['accuracy']:.1%} in {time:,.0f} ms, {best.name}")
        else:
            text.append(f"{board}: nothing finished yet")
    for trial in trials:
        if trial.state == "running":
            row = trial.epochs[-1] if trial.epochs else None
            state = f"epoch {len(trial.epochs)}, {row['validation_accuracy']:.1%}" if row else "starting"
            text.append(f"  {trial.name}: {state}")
    return text


def duration(seconds: float) -> str:
    """A time in words: 45 s, 12 min, 3 h 5 min."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
