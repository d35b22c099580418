# SPDX-License-Identifier: MIT
"""Looks for the best models for a board, as `galago sweep` does; a sweep that was stopped is continued."""

from collections import Counter
from pathlib import Path
from typing import Any

from galago import boards, dataset
from galago.studio.reporter import Reporter
from galago.studio.sweeps import FOLDER
from galago.sweep import Cluster, Folder, PhotoSet, Plan, Search, Space, Sweep, Trial

_SEED = 1
_BETWEEN = 5.0  # seconds between two lines of progress that say the same


def run(order: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Searches on this computer alone. Returns {finished: how many models there are}."""
    path, photos = Path(order["folder"]) / FOLDER, Path(order["photos"])
    board, test = boards.load(order["board"]), Path(order["test"]) if order["test"] else None
    plan = Plan(str(photos), [board.id], order["limits"], _SEED, None, str(test or ""), False)
    folder = Folder.open(path, plan) if (path / "sweep.json").is_file() else None
    reporter.progress("looking for networks that fit", 0, 1)
    search = Search(Space([board], dataset.from_subfolders(photos).names, order["limits"]), _SEED)
    reporter.progress("starting", 0, 1)
    with Cluster(None, PhotoSet.of(photos), PhotoSet.of(test) if test else None) as cluster:
        folder = folder or Folder.create(path, plan)
        Sweep(folder, search, cluster, _Told(reporter, board.id, order["seconds"])).run(order["seconds"])
    return {"finished": sum(trial.state == "finished" for trial in folder.trials)}


class _Told:
    """What a sweep tells, as lines; the job's bar shows how much of its time is over."""

    def __init__(self, reporter: Reporter, board: str, seconds: float) -> None:
        self._reporter, self._board, self._seconds = reporter, board, seconds
        self._text, self._left = "", float("inf")

    def say(self, text: str) -> None:
        """Writes a line for people."""
        self._reporter.line("say", text=text)

    def update(self, trials: list[Trial], seconds_left: float) -> None:
        """Writes the state of all trials, if it is another one or some seconds are over."""
        text = state(trials, self._board)
        if text == self._text and self._left - seconds_left < _BETWEEN:
            return
        self._text, self._left = text, seconds_left
        done, left = round(self._seconds - seconds_left), round(seconds_left)
        self._reporter.line("progress", phase=text, done=done, total=self._seconds, seconds_left=left)


def state(trials: list[Trial], board: str) -> str:
    """Returns the counts of all trials and the best one so far, in words."""
    counts = Counter(trial.state for trial in trials)
    states = ("finished", "running", "stopped", "failed")
    text = ", ".join(f"{counts[key]} {key}" for key in states if counts[key])
    best = max(
        (trial for trial in trials if board in trial.costs),
        key=lambda trial: trial.result["accuracy"],
        default=None,
    )
    if best is None:
        return f"networks: {text}"
    time = best.costs[board].milliseconds
    return f"networks: {text}; best so far {best.result['accuracy']:.1%} in {time:,.0f} ms"
