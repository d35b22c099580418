# SPDX-License-Identifier: MIT
"""Scores of a model's answers: accuracy with its interval, precision and recall, confusion, reliability.

scores = Scores.of(answers, labels)      # int8 or probabilities [n, classes]; int64 [n], -1 outside of all
scores.accuracy, scores.interval         # of the photos inside a class
scores.confusion[dog, cat]               # how many dogs were classified as cats
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

BINS = 10
"""Bins of confidence in `reliability`."""


@dataclass(frozen=True)
class ClassScore:
    """The counts of one class."""

    photos: int
    """Photos of this class."""
    answered: int
    """Photos, of any class, that were classified as this one."""
    right: int
    """Photos of this class that were classified as it."""

    @property
    def precision(self) -> float | None:
        """The share of the answers that are right; None if there are none."""
        return self.right / self.answered if self.answered else None

    @property
    def recall(self) -> float | None:
        """The share of the photos that are recognized; None if there are none."""
        return self.right / self.photos if self.photos else None


@dataclass(frozen=True)
class Scores:
    """The answers for labelled photos, and what follows from them."""

    labels: np.ndarray
    """The right classes, int64 [n], -1 outside of all."""
    answers: np.ndarray
    """The classes answered, int64 [n]."""
    confidence: np.ndarray
    """The probability of each answer, float [n]."""
    classes: int
    """Number of classes."""

    @classmethod
    def of(cls, answers: np.ndarray, labels: np.ndarray) -> "Scores":
        """Scores outputs [n, classes]: probabilities, or int8 with scale 1/256 and zero point -128."""
        confidence = answers.max(axis=1)
        if answers.dtype == np.int8:
            confidence = (confidence.astype(float) + 128) / 256
        return cls(labels, answers.argmax(axis=1), confidence, answers.shape[1])

    @property
    def inside(self) -> np.ndarray:
        """Which photos belong to a class, bool [n]."""
        return self.labels >= 0

    @property
    def count(self) -> int:
        """The number of photos that belong to a class."""
        return int(self.inside.sum())

    @property
    def right(self) -> int:
        """The number of right answers."""
        return int((self.answers == self.labels).sum())

    @property
    def accuracy(self) -> float:
        """The share of right answers among photos of a class; 0 without photos."""
        return self.right / self.count if self.count else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the accuracy (Wilson 1927)."""
        return wilson(self.right, self.count)

    @property
    def confusion(self) -> np.ndarray:
        """The number of photos by right class (row) and answer (column), int64 [classes, classes]."""
        table = np.zeros((self.classes, self.classes), np.int64)
        np.add.at(table, (self.labels[self.inside], self.answers[self.inside]), 1)
        return table

    def by_class(self) -> list[ClassScore]:
        """Returns the counts of each class, in the order of the classes."""
        table = self.confusion
        return [
            ClassScore(int(table[i].sum()), int(table[:, i].sum()), int(table[i, i]))
            for i in range(self.classes)
        ]

    def reliability(self) -> list[tuple[float, float, int]]:
        """Returns (mean confidence, accuracy, number of photos) for each tenth of confidence with photos."""
        confidence, right = self.confidence[self.inside], (self.answers == self.labels)[self.inside]
        bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
        return [
            (float(confidence[bins == b].mean()), float(right[bins == b].mean()), int((bins == b).sum()))
            for b in range(BINS)
            if (bins == b).any()
        ]

    @property
    def calibration_error(self) -> float:
        """The expected calibration error: the mean distance of confidence and accuracy, over all photos."""
        return sum(abs(c - a) * n for c, a, n in self.reliability()) / max(1, self.count)

    def answered(self, threshold: float) -> tuple[float, float | None, float | None]:
        """Returns what a threshold for "unknown" does, as shares.

        These are: photos of a class that are answered; right answers among them (None without answers);
        photos outside of all classes that are answered (None without such photos).
        """
        known = self.confidence >= threshold
        answered = self.inside & known
        right = float((self.answers == self.labels)[answered].mean()) if answered.any() else None
        outside = float(known[~self.inside].mean()) if (~self.inside).any() else None
        return float(known[self.inside].mean()) if self.count else 0.0, right, outside

    def as_dict(self) -> dict[str, Any]:
        """Returns the main figures for JSON."""
        low, high = self.interval
        return {
            "photos": self.count,
            "right": self.right,
            "accuracy": self.accuracy,
            "interval": [low, high],
            "calibration_error": self.calibration_error,
        }


def wilson(right: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Returns the confidence interval of a share (Wilson 1927), 95 % for z = 1.96; (0, 1) for no counts."""
    if not count:
        return 0.0, 1.0
    share = right / count
    centre = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (centre - spread) / (1 + z * z / count), (centre + spread) / (1 + z * z / count)
