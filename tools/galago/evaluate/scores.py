# SPDX-License-Identifier: MIT
"""Figures of answers whose right class is known: accuracy with its interval, classes, confusion, reliability.

scores = Scores.of(answers, labels)      # int8 or probabilities [n, classes]; int64 [n], -1 outside of all
scores.accuracy, scores.interval         # of what is inside a class
scores.confusion[dog, cat]               # how many dogs were called cats
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

BINS = 10


@dataclass(frozen=True)
class ClassScore:
    """A class: how many photos are of it, how many were said to be, how many of these rightly."""

    photos: int
    answered: int
    right: int

    @property
    def precision(self) -> float | None:
        """Share of the answers that are right; None without any."""
        return self.right / self.answered if self.answered else None

    @property
    def recall(self) -> float | None:
        """Share of the photos that are found; None without any."""
        return self.right / self.photos if self.photos else None


@dataclass(frozen=True)
class Scores:
    """Answers to `labels`, int64 [n]: the class said, and with which confidence."""

    labels: np.ndarray
    said: np.ndarray
    confidence: np.ndarray
    classes: int

    @classmethod
    def of(cls, answers: np.ndarray, labels: np.ndarray) -> "Scores":
        """From probabilities, or a board's int8 with scale 1/256 and zero point -128, [n, classes]."""
        confidence = answers.max(axis=1)
        if answers.dtype == np.int8:
            confidence = (confidence.astype(float) + 128) / 256
        return cls(labels, answers.argmax(axis=1), confidence, answers.shape[1])

    @property
    def inside(self) -> np.ndarray:
        """Which photos are of a class, bool [n]."""
        return self.labels >= 0

    @property
    def count(self) -> int:
        """Photos of a class."""
        return int(self.inside.sum())

    @property
    def right(self) -> int:
        """Of these, those answered rightly."""
        return int((self.said == self.labels).sum())

    @property
    def accuracy(self) -> float:
        """Share of right answers, 0 without photos."""
        return self.right / self.count if self.count else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the accuracy."""
        return wilson(self.right, self.count)

    @property
    def confusion(self) -> np.ndarray:
        """Photos by what they are (row) and what was said (column), int64 [classes, classes]."""
        table = np.zeros((self.classes, self.classes), np.int64)
        np.add.at(table, (self.labels[self.inside], self.said[self.inside]), 1)
        return table

    def by_class(self) -> list[ClassScore]:
        """The figures of each class."""
        table = self.confusion
        return [
            ClassScore(int(table[i].sum()), int(table[:, i].sum()), int(table[i, i]))
            for i in range(self.classes)
        ]

    def reliability(self) -> list[tuple[float, float, int]]:
        """Mean confidence, share of right answers and number of photos, of each tenth of confidence used."""
        confidence, right = self.confidence[self.inside], (self.said == self.labels)[self.inside]
        place = np.minimum((confidence * BINS).astype(int), BINS - 1)
        return [
            (float(confidence[place == b].mean()), float(right[place == b].mean()), int((place == b).sum()))
            for b in range(BINS)
            if (place == b).any()
        ]

    @property
    def calibration_error(self) -> float:
        """The expected calibration error: how far confidence and accuracy are apart, weighted by photos."""
        return sum(abs(c - a) * n for c, a, n in self.reliability()) / max(1, self.count)

    def answered(self, threshold: float) -> tuple[float, float | None, float | None]:
        """At a threshold of `unknown_below`: share answered, of these right, answered of those outside."""
        known = self.confidence >= threshold
        kept = self.inside & known
        right = float((self.said == self.labels)[kept].mean()) if kept.any() else None
        outside = float(known[~self.inside].mean()) if (~self.inside).any() else None
        return float(known[self.inside].mean()) if self.count else 0.0, right, outside

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        low, high = self.interval
        return {
            "photos": self.count,
            "right": self.right,
            "accuracy": self.accuracy,
            "interval": [low, high],
            "calibration_error": self.calibration_error,
        }


def wilson(right: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % confidence interval of a share (Wilson 1927); 0 to 1 where nothing was counted."""
    if not count:
        return 0.0, 1.0
    share = right / count
    centre = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (centre - spread) / (1 + z * z / count), (centre + spread) / (1 + z * z / count)
