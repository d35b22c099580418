# SPDX-License-Identifier: MIT
"""The figures of a report, as they go into report.json."""

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
class Exam:
    """Photos with their classes and what was answered: in float, and in int8 as on a board."""

    name: str
    paths: list[Path]
    pixels: np.ndarray
    """uint8 [n, size, size, 3], as the model sees them."""
    labels: np.ndarray
    floats: np.ndarray
    int8: np.ndarray


@dataclass(frozen=True)
class Findings:
    """What training found out. `exam` is the best there is: photos kept apart, else those for validation."""

    exam: Exam
    validation: Exam
    uncalibrated: np.ndarray
    """What the float network said of the validation photos before its temperature was set."""
    temperature: float
    history: list[dict[str, Any]]
    skipped: list[str] = field(default_factory=list)
    thumbnails: bool = True
    """Whether the page shows the photos that were mistaken; not where they are nobody's to publish."""
    quantization: dict[str, Any] = field(default_factory=dict)
    """What int8 lost on the validation photos, before and after fine-tuning (galago.train.post_training)."""


def as_dict(model: ModelDirectory, findings: Findings) -> dict[str, Any]:
    """Everything that the page shows, but for its pictures."""
    exam, contract = findings.exam, model.contract
    scores = Scores.of(exam.int8, exam.labels)
    kept = Scores.of(findings.validation.int8, findings.validation.labels)
    rows = scores.by_class()
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
        "exam": exam.name,
        "float": Scores.of(exam.floats, exam.labels).as_dict(),
        "int8": scores.as_dict(),
        "same_answer": float((exam.floats.argmax(1) == exam.int8.argmax(1)).mean()),
        "classes": [
            {"label": label, "photos": row.photos, "precision": row.precision, "recall": row.recall}
            for label, row in zip(model.labels, rows, strict=True)
        ],
        "confusion": scores.confusion.tolist(),
        "calibration": {
            "temperature": findings.temperature,
            "before": Scores.of(findings.uncalibrated, findings.validation.labels).reliability(),
            "after": kept.reliability(),
        },
        "unknown_below": contract["unknown_below"],
        "thresholds": [[float(t), *kept.answered(float(t))] for t in _THRESHOLDS],
        "mistakes": [_mistake(model, exam, scores, int(i)) for i in mistakes(scores)],
        "quantization": findings.quantization,
        "history": findings.history,
        "boards": [_board(model, name) for name in BOARDS],
        "skipped": findings.skipped,
    }


def mistakes(scores: Scores) -> np.ndarray:
    """Positions of the wrong answers, the most confident first."""
    wrong = np.flatnonzero(scores.inside & (scores.said != scores.labels))
    return wrong[np.argsort(-scores.confidence[wrong], kind="stable")][:MISTAKES]


def _mistake(model: ModelDirectory, exam: Exam, scores: Scores, position: int) -> dict[str, Any]:
    return {
        "photo": f"{exam.paths[position].parent.name}/{exam.paths[position].name}",
        "position": position,
        "is": model.labels[scores.labels[position]],
        "said": model.labels[scores.said[position]],
        "confidence": float(scores.confidence[position]),
    }


def _board(model: ModelDirectory, name: str) -> dict[str, Any]:
    result = fit.judge(fit.Needs.of(model), boards.load(name))
    return {
        "board": name,
        "problem": result.problem or None,
        "weights": result.weights if result.fits else None,
        "seconds": list(result.seconds) if result.fits else None,
    }
