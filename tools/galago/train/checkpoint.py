# SPDX-License-Identifier: MIT
"""Where a training was when it ended early: written after each epoch, read when the same command runs again.

checkpoint = Checkpoint(out / ".training", key="3fa9…")
state = checkpoint.load()                   # None at the first time, or if the recipe or photos changed
checkpoint.save(State(...))                 # a warning where the disk is full; the last one stays
"""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np


@dataclass
class State:
    """How far a training is. `best` are the weights with the lowest validation loss of this stage."""

    stage: int = 0
    epoch: int = 0  # of the stage: the next to run
    variables: list[np.ndarray] = field(default_factory=list)
    optimizer: list[np.ndarray] = field(default_factory=list)
    best: list[np.ndarray] = field(default_factory=list)
    best_loss: float = float("inf")
    best_epoch: int = -1
    history: list[dict[str, Any]] = field(default_factory=list)


_LISTS = ("variables", "optimizer", "best")


class Checkpoint:
    """One file, `state.npz`, in a folder of its own, replaced whole: a reader never finds half of one."""

    def __init__(self, folder: Path, key: str, warn: Callable[[str], None]) -> None:
        self.folder, self._key, self._warn = folder, key, warn
        self._file = folder / "state.npz"

    def load(self) -> State | None:
        """The state to go on from, None if there is none of this training."""
        try:
            with np.load(self._file) as kept:
                meta = json.loads(str(kept["meta"]))
                if meta.pop("key") != self._key:
                    return None
                counts = meta.pop("counts")
                for name in _LISTS:
                    meta[name] = [kept[f"{name}{i}"] for i in range(counts[name])]
        except (OSError, ValueError, KeyError, BadZipFile):
            return None
        return State(**meta)

    def save(self, state: State) -> None:
        """Writes the state; where that fails, the one before stays and training goes on."""
        arrays = {f"{name}{i}": a for name in _LISTS for i, a in enumerate(getattr(state, name))}
        meta = {k: v for k, v in vars(state).items() if k not in _LISTS}
        meta |= {"key": self._key, "counts": {name: len(getattr(state, name)) for name in _LISTS}}
        part = self._file.with_suffix(".part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                np.savez(file, meta=np.array(json.dumps(meta)), **arrays)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._file)
        except OSError as error:
            part.unlink(missing_ok=True)
            self._warn(
                f"no checkpoint of epoch {state.epoch}: {self._file}: {error.strerror}; training goes on"
            )

    def done(self) -> None:
        """The training is finished: nothing to go on from."""
        shutil.rmtree(self.folder, ignore_errors=True)
