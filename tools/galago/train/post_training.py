# SPDX-License-Identifier: MIT
"""The int8 model of a training, judged on the validation photos, fine-tuned where it lost too much.

    model, figures = quantized(recipe, trained, data, out, work, progress)

How often int8 is right says little where validation photos are few. So it is also measured how much of its
probability int8 gives to other classes than float does, to which every photo contributes.
"""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from galago import evaluate, quantize
from galago.models import ModelDirectory
from galago.train.checkpoint import Checkpoint
from galago.train.progress import Progress
from galago.train.recipe import GroupRecipe, Recipe
from galago.train.result import Trained
from galago.train.tuning import tune
from galago.train.views import to_float

WORTH = 0.005
"""Loss of accuracy by quantization from which on the model is fine-tuned."""
MOVED = 0.03
"""Share of the probability that int8 gives to other classes, likewise."""


@dataclass(frozen=True)
class Figures:
    """Of int8 on the validation photos: how often it is right, and how far from float: 0 the same, 1 all."""

    accuracy: float
    moved: float

    @classmethod
    def of(cls, tflite: bytes, kept: np.ndarray, labels: np.ndarray, floats: np.ndarray) -> "Figures":
        """Judges by TensorFlow Lite Micro; `kept` are uint8 [n, h, w, c], `floats` probabilities."""
        answers = evaluate.tflm_answers(tflite, (kept ^ 128).view(np.int8))
        shares = (answers + 128.0) / 256
        moved = np.abs(shares - floats).sum(axis=1).mean() / 2
        return cls(evaluate.Scores.of(answers, labels).accuracy, float(moved))

    def __str__(self) -> str:
        return f"int8 {self.accuracy:.1%}, {self.moved:.1%} of its probability moved"


def quantized(
    recipe: Recipe, trained: Trained, data: Path, out: Path, work: Path, progress: Progress
) -> tuple[ModelDirectory, dict[str, Any]]:
    """Writes the model directory; gives also what was found on the validation photos, for the report."""
    inside = trained.kept.labels >= 0
    kept, labels = trained.kept.pixels[inside], trained.kept.labels[inside]
    floats = trained.network.predict(to_float(kept), batch_size=128, verbose=0)
    wanted = evaluate.Scores.of(floats, labels).accuracy
    found: dict[str, Any] = {"float": wanted, "tuned": None}

    def improve(tflite: bytes, plain: bytes) -> bytes:
        before = Figures.of(tflite, kept, labels, floats)
        found["int8"] = asdict(before)
        progress.say(f"validation: float {wanted:.1%}, {before}")
        lost = wanted - before.accuracy > WORTH or before.moved > MOVED
        if not lost or not recipe.tuning.epochs:
            return tflite
        key = hashlib.sha256(tflite + plain + repr(recipe).encode()).hexdigest()
        checkpoint = Checkpoint(work / "tuning", key, progress.say)
        progress.say(f"fine-tuning for int8, {recipe.tuning.epochs} epochs: float is the teacher")
        tuned = tune(tflite, plain, trained.training, kept, recipe.tuning, recipe.seed, checkpoint, progress)
        after = Figures.of(tuned, kept, labels, floats)
        better = after.accuracy >= before.accuracy and after.moved < before.moved
        found["tuned"] = {**asdict(after), "kept": better}
        progress.say(f"validation: fine-tuned {after}: {'kept' if better else 'not kept, it is no better'}")
        return tuned if better else tflite

    model = quantize.build(
        trained.network,
        data / recipe.calibrate if isinstance(recipe, GroupRecipe) else trained.training,
        out,
        name=recipe.name,
        labels=trained.names,
        unknown_below=trained.unknown_below,
        extra={"architecture": recipe.architecture, "alpha": recipe.alpha},
        warn=progress.say,
        improve=improve,
    )
    return model, found
