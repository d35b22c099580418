# SPDX-License-Identifier: MIT
"""The results of a training, and the figures that report.json makes of them.

figures = as_dict(model, findings)
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from galago import boards, fit
from galago.evaluate import Scores
from galago.models import ModelDirectory

BOARDS = ("RPI_PICO", "RPI_PICO2", "ESP32_GENERIC_S3", "ESP32_GENERIC_C3", "ARDUINO_NANO_33_BLE_SENSE")
MISTAKES = 24
_THRESHOLDS = np.arange(0, 20) / 20


@dataclass(frozen=True)
class EvaluationSet:
    """Photos with their classes and the model's answers."""

    name: str
    paths: list[Path]
    pixels: np.ndarray
    """The photos as the model sees them, uint8 [n, size, size, 3]."""
    labels: np.ndarray
    """The right classes, int64 [n], -1 outside of all."""
    floats: np.ndarray | None
    """Probabilities of the float network, float32 [n, classes]; None if there is none."""
    int8: np.ndarray
    """Outputs of the int8 model, as on a board, int8 [n, classes]."""


@dataclass(frozen=True)
class Findings:
    """The results of a training."""

    evaluation: EvaluationSet
    """The test photos if there are any, else the validation photos."""
    validation: EvaluationSet
    uncalibrated: np.ndarray | None
    """Probabilities of the validation photos before the temperature was set, float [n, classes]; None if they
    were not kept."""
    temperature: float
    history: list[dict[str, Any]]
    skipped: list[str] = field(default_factory=list)
    thumbnails: bool = True
    """Whether the page shows the photos that were classified wrongly; not if they must not be published."""
    quantization: dict[str, Any] = field(default_factory=dict)
    """Validation figures of float, int8 and fine-tuned int8 (galago.train.post_training)."""


def as_dict(model: ModelDirectory, findings: Findings) -> dict[str, Any]:
    """Returns everything that the page shows except its pictures, ready for JSON.

    The keys are the format of report.json: the shipped reports have them too.
    """
    evaluation, contract = findings.evaluation, model.contract
    scores = Scores.of(evaluation.int8, evaluation.labels)
    validation = Scores.of(findings.validation.int8, findings.validation.labels)
    rows = scores.by_class()
    floats, before = evaluation.floats, findings.uncalibrated
    return {
        "model": model.name,
        "architecture": contract.get("architecture"),
        "alpha": contract.get("alpha"),
        "input": list(model.input_shape),
        "labels": model.labels,
        "size": {
            "bytes": contract["files"]["tflite"]["bytes"],
            "macs": contract["macs"],
            "arena_bytes": contract["arena_bytes"],
        },
        "exam": evaluation.name,
        "float": None if floats is None else Scores.of(floats, evaluation.labels).as_dict(),
        "int8": scores.as_dict(),
        "same_answer": None if floats is None else float((floats.argmax(1) == scores.answers).mean()),
        "classes": [
            {"label": label, "photos": row.photos, "precision": row.precision, "recall": row.recall}
            for label, row in zip(model.labels, rows, strict=True)
        ],
        "confusion": scores.confusion.tolist(),
        "calibration": {
            "temperature": findings.temperature,
            "before": None if before is None else Scores.of(before, findings.validation.labels).reliability(),
            "after": validation.reliability(),
        },
        "unknown_below": contract["unknown_below"],
        "thresholds": [[float(t), *validation.answered(float(t))] for t in _THRESHOLDS],
        "mistakes": [_mistake(model, evaluation, scores, int(i)) for i in mistakes(scores)],
        "quantization": findings.quantization,
        "history": findings.history,
        "boards": [_board(model, name) for name in BOARDS],
        "skipped": findings.skipped,
    }


def mistakes(scores: Scores) -> np.ndarray:
    """Returns the positions of the most confident wrong answers, the most confident first, int64 [n]."""
    wrong = np.flatnonzero(scores.inside & (scores.answers != scores.labels))
    return wrong[np.argsort(-scores.confidence[wrong], kind="stable")][:MISTAKES]


def _mistake(
    model: ModelDirectory, evaluation: EvaluationSet, scores: Scores, position: int
) -> dict[str, Any]:
    return {
        "photo": f"{evaluation.paths[position].parent.name}/{evaluation.paths[position].name}",
        "position": position,
        "is": model.labels[scores.labels[position]],
        "said": model.labels[scores.answers[position]],
        "confidence": float(scores.confidence[position]),
    }


def _board(model: ModelDirectory, name: str) -> dict[str, Any]:
    result = fit.check(fit.Requirements.of(model), boards.load(name))
    return {
        "board": name,
        "problem": result.problem or None,
        "weights": result.weights if result.fits else None,
        "seconds": list(result.seconds) if result.fits else None,
    }
