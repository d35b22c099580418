# SPDX-License-Identifier: MIT
"""The models of a project: ordinary model directories below `.galago/models`, named by their ids.

publish(folder, models, "m4f9c…")       # when a training has finished
models = Models(project.work / "models")
models.rows(), models.open("m4f9c…")
"""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from galago.errors import GalagoError
from galago.evaluate.answers import FLOAT
from galago.models import ModelDirectory
from galago.studio.store import read_json

ABOUT = "studio.json"
"""What the project keeps of a model besides its directory."""

_PARTS = {"float": FLOAT, "recipe": "recipe.toml", "report": "report.html"}
"""What not every model has."""


def publish(folder: Path, models: Path, model_id: str) -> str:
    """Moves a finished model among the others in one step; returns its id."""
    models.mkdir(parents=True, exist_ok=True)
    folder.rename(models / model_id)
    return model_id


class Models:
    """The models of a project."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, model_id: str) -> Path:
        """Returns the directory of a model. Raises studio.missing."""
        if model_id not in self._ids():
            raise GalagoError("studio.missing", "no model with this id: reload the page")
        return self._folder / model_id

    def open(self, model_id: str) -> ModelDirectory:
        """Returns a verified model. Raises studio.missing, model.*."""
        return ModelDirectory.open(self.path(model_id))

    def rows(self) -> list[dict[str, Any]]:
        """Returns what a page shows of all models, the newest first; those that are damaged are left out."""
        rows = []
        for model_id in self._ids():
            try:
                model = self.open(model_id)
            except GalagoError:
                continue
            rows.append(_row(model_id, model))
        return sorted(rows, key=lambda row: row["made"], reverse=True)

    def delete(self, model_id: str) -> None:
        """Removes a model. Raises studio.missing."""
        shutil.rmtree(self.path(model_id), ignore_errors=True)

    def discard(self, folder: Path) -> None:
        """Removes what turned out to be no model."""
        shutil.rmtree(folder, ignore_errors=True)

    def _ids(self) -> list[str]:
        if not self._folder.is_dir():
            return []
        return sorted(path.name for path in self._folder.iterdir() if (path / "model.json").is_file())


def _row(model_id: str, model: ModelDirectory) -> dict[str, Any]:
    about = read_json(model.path / ABOUT, {})
    contract = model.contract
    made = datetime.fromtimestamp((model.path / "model.json").stat().st_mtime, UTC)
    return {
        "id": model_id,
        "name": model.name,
        "quick": bool(about.get("quick")),
        "accuracy": about.get("accuracy"),
        "interval": about.get("interval"),
        "float_accuracy": about.get("float_accuracy"),
        "held_out": bool(about.get("held_out")),
        "kB": round(contract["files"]["tflite"]["bytes"] / 1000),
        "size": model.input_shape[0],
        "architecture": contract.get("architecture"),
        "alpha": contract.get("alpha"),
        "blocks": contract.get("blocks", 0),
        "made": made.isoformat(timespec="milliseconds"),
        "photos": about.get("photos"),
        "labels": model.labels,
        "unknown_below": contract.get("unknown_below"),
        "advice": about.get("advice", []),
        "board": about.get("board"),
        "has": [part for part, file in _PARTS.items() if (model.path / file).is_file()],
    }
