# SPDX-License-Identifier: MIT
"""The state of a training, saved after each epoch, so that the same command resumes an interrupted one.

checkpoint = Checkpoint(out / ".training", key="3fa9…", warn=print)
state = checkpoint.load()                   # None if there is none, or if the recipe or the photos changed
checkpoint.save(State(...))                 # if the disk is full, warns and keeps the previous one
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np


@dataclass
class State:
    """How far a training is; variables are in the order of Keras's `network.variables`."""

    stage: int = 0
    epoch: int = 0
    """Number of epochs of the stage that are finished."""
    variables: list[np.ndarray] = field(default_factory=list)
    optimizer: list[np.ndarray] = field(default_factory=list)
    best: list[np.ndarray] = field(default_factory=list)
    """The variables after the epoch of this stage with the lowest validation loss."""
    best_loss: float = float("inf")
    best_epoch: int = -1
    history: list[dict[str, Any]] = field(default_factory=list)


_LISTS = ("variables", "optimizer", "best")


class Checkpoint:
    """The file `state.npz` in `folder`. It is replaced atomically, so that it is never half written.

    `key` identifies the training; `warn` gets a line for each state that cannot be saved.
    """

    def __init__(self, folder: Path, key: str, warn: Callable[[str], None]) -> None:
        self._key, self._warn = key, warn
        self._file = folder / "state.npz"

    def load(self) -> State | None:
        """Returns the saved state of this training, None if there is none."""
        try:
            with np.load(self._file) as arrays:
                meta = json.loads(str(arrays["meta"]))
                if meta.pop("key") != self._key:
                    return None
                counts = meta.pop("counts")
                for name in _LISTS:
                    meta[name] = [arrays[f"{name}{i}"] for i in range(counts[name])]
        except (OSError, ValueError, KeyError, BadZipFile):
            return None
        return State(**meta)

    def save(self, state: State) -> None:
        """Saves the state. On an OSError it warns and keeps the previous one; training goes on."""
        arrays = {f"{name}{i}": a for name in _LISTS for i, a in enumerate(getattr(state, name))}
        meta = {k: v for k, v in vars(state).items() if k not in _LISTS}
        meta |= {"key": self._key, "counts": {name: len(getattr(state, name)) for name in _LISTS}}
        part = self._file.with_suffix(".part")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
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
