# SPDX-License-Identifier: MIT
"""What a model says of each held-out photo, kept beside it, so that a page can show the photos of a mistake.

seen = exam(model, folder, floats=True)     # one sub-folder per class; the files are named by the photos' ids
Answers.of(model, seen).save(model.path); Answers.of_model(model.path)
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from galago import evaluate
from galago.models import ModelDirectory
from galago.report import EvaluationSet
from galago.studio.store import read_json, write_json

FILE = "answers.json"


@dataclass(frozen=True)
class Answers:
    """The answers of a model, in lists of the same length."""

    photos: list[str]
    """Ids."""
    labels: list[int]
    """The right classes."""
    said: list[int]
    confidence: list[float]
    float_said: list[int]
    """Of the network before quantization; empty if it was not asked."""
    float_confidence: list[float]

    @classmethod
    def of(cls, model: ModelDirectory, seen: EvaluationSet) -> "Answers":
        """Returns the answers of an exam."""
        probabilities = model.probabilities(seen.int8)
        before = np.zeros((0, len(model.labels)), np.float32) if seen.floats is None else seen.floats
        return cls(
            photos=[path.stem for path in seen.paths],
            labels=seen.labels.tolist(),
            said=probabilities.argmax(axis=1).tolist(),
            confidence=[round(float(value), 4) for value in probabilities.max(axis=1)],
            float_said=before.argmax(axis=1).tolist(),
            float_confidence=[round(float(value), 4) for value in before.max(axis=1)],
        )

    def scores(self) -> evaluate.Scores:
        """Returns the scores of the int8 model."""
        classes = 1 + max([0, *self.labels, *self.said])
        return evaluate.Scores(
            np.array(self.labels, int), np.array(self.said, int), np.array(self.confidence), classes
        )

    def float_accuracy(self) -> float | None:
        """Returns the accuracy of the network before quantization."""
        if not self.float_said:
            return None
        return float((np.array(self.float_said) == np.array(self.labels)).mean())

    def save(self, folder: Path) -> None:
        """Writes them beside a model."""
        write_json(folder / FILE, asdict(self))

    def rows(self, known: set[str]) -> list[dict[str, Any]]:
        """Returns a row for each photo; its id is None if it is not among those `known`."""
        rows = []
        for index, photo in enumerate(self.photos):
            row = {
                "id": photo if photo in known else None,
                "is": self.labels[index],
                "said": self.said[index],
            }
            row["confidence"] = self.confidence[index]
            if self.float_said:
                row["float_said"] = self.float_said[index]
                row["float_confidence"] = self.float_confidence[index]
            rows.append(row)
        return rows

    @classmethod
    def of_model(cls, folder: Path) -> "Answers | None":
        """Returns those beside a model, None if there are none."""
        try:
            return cls(**read_json(folder / FILE, {}))
        except TypeError:
            return None


def exam(
    model: ModelDirectory,
    folder: Path,
    floats: bool,
    say: Callable[[str], None] = lambda text: None,
    name: str = "photos that were held out",
) -> EvaluationSet:
    """Lets a model answer the photos of a folder. Raises dataset.*, model.labels."""
    photos = evaluate.labelled(model, folder)
    inputs, positions = evaluate.read_inputs(model, photos.paths, say)
    return EvaluationSet(
        name,
        [photos.paths[position] for position in positions],
        inputs.view(np.uint8) ^ 128,
        photos.labels[positions],
        evaluate.floats(model, inputs) if floats else None,
        evaluate.int8(model, inputs),
    )
