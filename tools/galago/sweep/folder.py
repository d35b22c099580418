# SPDX-License-Identifier: MIT
"""The folder of a sweep, which holds all of its state: a sweep that ended in any way is resumed from it.

    folder = Folder.create(Path("sweep"), plan)     # or Folder.open, with the same plan
    folder.save(trial)
    folder.keep_checkpoint(trial, data)
    model = folder.install(trial, archive)

DIR/sweep.json              the plan
DIR/trials/NAME.json        a trial: its candidate, its state, its epochs, its result
DIR/trials/NAME.toml        its recipe
DIR/trials/NAME.npz         the state of its training after the last epoch, until it ends
DIR/models/NAME/            its model directory, ready to flash
DIR/results.json            all trials and the front of each board; DIR/index.html shows it

Each file is replaced at once, so that none is ever half written.
"""

import hashlib
import io
import json
import os
import shutil
import socket
import tarfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from galago.errors import GalagoError
from galago.models import ModelDirectory
from galago.sweep.space import Candidate, Cost
from galago.train import PhotoRecipe, read_recipe, to_toml

State = Literal["running", "finished", "stopped", "failed"]


@dataclass(frozen=True)
class Plan:
    """What decides which trials a sweep makes."""

    photos: str
    boards: list[str]
    max_ms: dict[str, float]
    seed: int
    epochs: int | None
    test: str
    from_scratch: bool


@dataclass
class Trial:
    """One network and one training of it."""

    number: int
    name: str
    candidate: Candidate
    recipe: PhotoRecipe
    state: State = "running"
    """running is also the state of a trial that was cut off with the sweep."""
    epochs: list[dict[str, Any]] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=dict)
    """Accuracy, confusion and size of the finished model."""
    costs: dict[str, Cost] = field(default_factory=dict)
    """What the finished model takes on each board that it fits, by the board's id."""
    problem: str = ""
    losses: int = 0
    """How often its worker was lost since the last epoch."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON; the recipe is a file of its own."""
        return {
            "number": self.number,
            "name": self.name,
            "candidate": self.candidate.as_dict(),
            "state": self.state,
            "epochs": self.epochs,
            "result": self.result,
            "costs": {board: asdict(cost) for board, cost in self.costs.items()},
            "problem": self.problem,
        }


class Folder:
    """A sweep on disk."""

    def __init__(self, path: Path, plan: Plan) -> None:
        self.path, self.plan = path, plan
        self.trials: list[Trial] = []

    @classmethod
    def create(cls, path: Path, plan: Plan) -> "Folder":
        """A new sweep. Raises sweep.exists if the folder has one, disk.full or file.access."""
        if (path / "sweep.json").exists():
            raise GalagoError(
                "sweep.exists",
                f"{path} already holds a sweep: continue it with --resume, or choose another -o",
            )
        for part in ("trials", "models"):
            (path / part).mkdir(parents=True, exist_ok=True)
        folder = cls(path, plan)
        write(path / "sweep.json", json.dumps(asdict(plan), indent=1, ensure_ascii=False).encode())
        return folder

    @classmethod
    def open(cls, path: Path, plan: Plan) -> "Folder":
        """A sweep that was begun with the same plan. Raises sweep.missing, or sweep.differs otherwise."""
        try:
            begun = json.loads((path / "sweep.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise GalagoError(
                "sweep.missing", f"{path} holds no sweep to resume: leave --resume out"
            ) from None
        for key, value in asdict(plan).items():
            if begun.get(key) != value:
                raise GalagoError(
                    "sweep.differs",
                    f"{path}: the sweep was begun with {key} = {begun.get(key)!r}, not {value!r}: repeat its "
                    "options, or begin another one with another -o",
                )
        folder = cls(path, plan)
        trials = [_read(file) for file in (path / "trials").glob("*.json")]
        folder.trials = sorted(trials, key=lambda trial: trial.number)
        return folder

    @property
    def key(self) -> str:
        """What tells this sweep from others."""
        return hashlib.sha256(f"{socket.gethostname()} {self.path.resolve()}".encode()).hexdigest()[:12]

    def add(self, trial: Trial) -> None:
        """Adds a new trial."""
        write(self._file(trial, ".toml"), to_toml(trial.recipe).encode())
        self.save(trial)
        self.trials.append(trial)

    def save(self, trial: Trial) -> None:
        """Writes the state of a trial; the checkpoint of one that has ended is removed."""
        write(self._file(trial, ".json"), json.dumps(trial.as_dict(), ensure_ascii=False).encode())
        if trial.state != "running":
            self._file(trial, ".npz").unlink(missing_ok=True)

    def checkpoint(self, trial: Trial) -> bytes | None:
        """The state of a training after its last epoch."""
        file = self._file(trial, ".npz")
        return file.read_bytes() if file.is_file() else None

    def keep_checkpoint(self, trial: Trial, data: bytes) -> None:
        """Replaces the state of a training, unless there is none."""
        if data:
            write(self._file(trial, ".npz"), data)

    def install(self, trial: Trial, archive: bytes) -> ModelDirectory:
        """Unpacks the model directory of a trial. Raises model.* if it is not complete."""
        target = self.path / "models" / trial.name
        part = target.with_name(f".{trial.name}")
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(target, ignore_errors=True)
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(part, filter="data")
        part.rename(target)
        return ModelDirectory.open(target)

    def _file(self, trial: Trial, suffix: str) -> Path:
        return self.path / "trials" / f"{trial.name}{suffix}"


def _read(file: Path) -> Trial:
    """Reads a trial and its recipe. Raises sweep.damaged."""
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        values["candidate"] = Candidate.of_dict(values["candidate"])
        values["costs"] = {board: Cost(**cost) for board, cost in values["costs"].items()}
        recipe = read_recipe(file.with_suffix(".toml"))
        if not isinstance(recipe, PhotoRecipe):
            raise TypeError("its recipe is of another kind")
        return Trial(recipe=recipe, **values)
    except (ValueError, KeyError, TypeError) as error:
        raise GalagoError(
            "sweep.damaged", f"{file} is damaged ({error}): remove it and its .toml, and resume again"
        ) from None


def write(file: Path, data: bytes) -> None:
    """Replaces a file at once."""
    part = file.with_name(f".{file.name}.part")
    try:
        with part.open("wb") as new:
            new.write(data)
            new.flush()
            os.fsync(new.fileno())
        part.replace(file)
    except OSError:
        part.unlink(missing_ok=True)
        raise
