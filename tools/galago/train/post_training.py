# SPDX-License-Identifier: MIT
"""Quantizes a trained network, measures the loss on the validation photos, and fine-tunes where it is large.

    model, losses = quantize_trained(recipe, trained, data, out, work, progress)

With few validation photos, the accuracy says little. So the share of its probability that int8 moves to other
classes than float is measured too; every photo contributes to it.
"""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from galago import evaluate, quantize
from galago.models import ModelDirectory
from galago.train.checkpoint import Checkpoint
from galago.train.fine_tuning import TuningPhotos, fine_tune
from galago.train.pixels import predict
from galago.train.progress import Progress
from galago.train.recipe import GroupRecipe, Recipe
from galago.train.result import Trained

MAX_ACCURACY_LOSS = 0.005
"""The model is fine-tuned if quantization costs more accuracy than this."""
MAX_MOVED = 0.03
"""The model is fine-tuned if int8 moves a larger share of its probability to other classes than this."""


@dataclass(frozen=True)
class Int8Figures:
    """Figures of an int8 model on the validation photos, computed by TensorFlow Lite Micro."""

    accuracy: float
    moved: float
    """Mean share of the probability that is on other classes than in float, from 0 to 1."""

    @classmethod
    def of(cls, tflite: bytes, pixels: np.ndarray, labels: np.ndarray, floats: np.ndarray) -> "Int8Figures":
        """Measures on uint8 [n, h, w, c] with classes int64 [n]; `floats` are float's probabilities."""
        answers = evaluate.tflm_answers(tflite, (pixels ^ 128).view(np.int8))
        probabilities = (answers + 128.0) / 256
        moved = np.abs(probabilities - floats).sum(axis=1).mean() / 2
        return cls(evaluate.Scores.of(answers, labels).accuracy, float(moved))

    def __str__(self) -> str:
        return f"int8 {self.accuracy:.1%}, {self.moved:.1%} of its probability moved"


def quantize_trained(
    recipe: Recipe, trained: Trained, data: Path, out: Path, work: Path, progress: Progress
) -> tuple[ModelDirectory, dict[str, Any]]:
    """Writes the model directory; also returns the validation figures of float and int8, for the report."""
    inside = trained.validation.labels >= 0
    pixels, labels = trained.validation.pixels[inside], trained.validation.labels[inside]
    floats = predict(trained.network, pixels)
    accuracy = evaluate.Scores.of(floats, labels).accuracy
    figures: dict[str, Any] = {"float": accuracy, "tuned": None}

    def improve(tflite: bytes, float_model: bytes) -> bytes:
        before = Int8Figures.of(tflite, pixels, labels, floats)
        figures["int8"] = asdict(before)
        progress.say(f"validation: float {accuracy:.1%}, {before}")
        good = accuracy - before.accuracy <= MAX_ACCURACY_LOSS and before.moved <= MAX_MOVED
        settings = recipe.fine_tuning
        if good or not settings.epochs:
            return tflite
        key = hashlib.sha256(tflite + float_model + repr(recipe).encode()).hexdigest()
        checkpoint = Checkpoint(work / "fine-tuning", key, progress.say)
        progress.say(f"fine-tuning for int8, {settings.epochs} epochs, with float as the teacher")
        photos = TuningPhotos(trained.training_pixels, pixels)
        tuned = fine_tune(tflite, float_model, photos, settings, recipe.seed, checkpoint, progress)
        after = Int8Figures.of(tuned, pixels, labels, floats)
        better = after.accuracy >= before.accuracy and after.moved < before.moved
        figures["tuned"] = {**asdict(after), "kept": better}
        progress.say(f"validation: fine-tuned {after}: {'used' if better else 'not used, it is no better'}")
        return tuned if better else tflite

    info = quantize.ModelInfo(
        recipe.name,
        labels=trained.names,
        unknown_below=trained.unknown_below,
        extra={
            "architecture": recipe.architecture,
            "alpha": recipe.alpha,
            **({"blocks": recipe.blocks} if recipe.blocks else {}),
        },
    )
    calibration = data / recipe.calibrate if isinstance(recipe, GroupRecipe) else trained.training_pixels
    model = quantize.build(trained.network, calibration, out, info, improve=improve, warn=progress.say)
    return model, figures
