# SPDX-License-Identifier: MIT
"""What a sweep sends to its workers, and what they answer.

order = Order("3f9a…", "003-v1-025-96", recipe, photos, test, boards, checkpoint=None)
for event in worker.run(order, fetch): ...      # Epoch, Epoch, …, then Finished or Failed
"""

from dataclasses import dataclass, field
from typing import Any

from galago import __version__
from galago.boards import BoardSpec
from galago.sweep.photo_set import PhotoSet
from galago.sweep.space import Cost
from galago.train import PhotoRecipe


@dataclass(frozen=True)
class Order:
    """A training, from the beginning or from a checkpoint on."""

    sweep: str
    """What tells this sweep from others on the same computers."""
    name: str
    recipe: PhotoRecipe
    photos: PhotoSet
    test: PhotoSet | None
    boards: tuple[BoardSpec, ...]
    checkpoint: bytes | None = None
    """What galago.train.checkpoint wrote after the last epoch that arrived."""
    program: tuple[str, ...] = ("-m", "galago.sweep.training")
    """What Python runs with the recipe and the model directory as arguments."""
    version: str = __version__


@dataclass(frozen=True)
class Event:
    """Something that happened to a trial, on the computer with the name `node`."""

    node: str


@dataclass(frozen=True)
class Epoch(Event):
    """An epoch is over."""

    row: dict[str, Any]
    """Its figures, as in the history of report.json."""
    checkpoint: bytes
    """The state of the training; b"" if the worker's disk had no room for it."""


@dataclass(frozen=True)
class Finished(Event):
    """The model directory is made."""

    archive: bytes
    """A tar of it."""
    costs: dict[str, Cost] = field(default_factory=dict)
    """What the model takes on each board that it fits, by the board's id."""


@dataclass(frozen=True)
class Failed(Event):
    """The training ended with an error; trying again on the same computer would not help."""

    code: str
    message: str


@dataclass(frozen=True)
class Lost(Event):
    """The worker is gone, or its training was killed; another one can go on after the last epoch."""

    message: str
