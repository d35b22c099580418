# SPDX-License-Identifier: MIT
"""From a recipe to a model directory: train, quantize, see what int8 costs, report.

    model = make(recipe, data="DATA", out=Path("models/mine"), progress=progress)

The directory gets model.tflite and model.json, the recipe, the float network (float.keras) and the report.
Until it is done, what is needed to go on after an interruption lies in its folder `.training`.
"""

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from galago import evaluate, report
from galago.errors import GalagoError
from galago.evaluate.answers import FLOAT
from galago.models import ModelDirectory
from galago.report import Exam, Findings
from galago.train.post_training import quantized
from galago.train.progress import Progress
from galago.train.recipe import PhotoRecipe, Recipe, written
from galago.train.result import Trained

WORK = ".training"


def make(
    recipe: Recipe, data: str | Path, out: Path, progress: Progress, file: Path | None = None
) -> ModelDirectory:
    """Trains, and writes the model directory; `file` is the recipe's, which is kept as it is written.

    Raises dataset.*, train.weights, model.*, disk.full.
    """
    from galago.train import run

    data, work = Path(data), out / WORK
    trained = run(recipe, data, work, progress)
    progress.begin("quantizing", 1)
    try:
        model, lost = quantized(recipe, trained, data, out, work, progress)
        trained.network.save(out / FLOAT)
        text = file.read_text() if file else written(recipe) if isinstance(recipe, PhotoRecipe) else ""
        (out / "recipe.toml").write_text(text)
        _report(recipe, trained, model, lost, data, progress)
    except OSError as error:
        raise GalagoError(
            "disk.full",
            f"{out}: {error.strerror or error}: the training is kept: free some space, repeat the command",
        ) from error
    shutil.rmtree(work, ignore_errors=True)
    return model


def _report(
    recipe: Recipe,
    trained: Trained,
    model: ModelDirectory,
    lost: dict[str, Any],
    data: Path,
    progress: Progress,
) -> None:
    kept = trained.kept
    validation = _exam(
        "the photos kept for validation", model, kept.paths, kept.pixels, kept.labels, progress
    )
    exam = validation
    if recipe.test:
        photos = evaluate.labelled(model, data / recipe.test)
        inputs, positions = evaluate.read_inputs(model, photos.paths, progress.say)
        paths = [photos.paths[i] for i in positions]
        pixels = inputs.view(np.uint8) ^ 128
        exam = _exam(
            f"{recipe.test}, not trained on", model, paths, pixels, photos.labels[positions], progress
        )
    findings = Findings(
        exam,
        validation,
        trained.uncalibrated,
        trained.temperature,
        trained.history,
        trained.skipped,
        recipe.thumbnails,
        lost,
    )
    page = report.write(model, findings)
    for title, answers in (("float", exam.floats), ("int8", exam.int8)):
        scores = evaluate.Scores.of(answers, exam.labels)
        low, high = scores.interval
        progress.say(
            f"{title}: {scores.right} of {scores.count} right, {scores.accuracy:.1%} "
            f"({low:.1%} to {high:.1%}), on {exam.name}"
        )
    progress.say(f"{page}: look at it in a browser")


def _exam(
    name: str,
    model: ModelDirectory,
    paths: list[Path],
    pixels: np.ndarray,
    labels: np.ndarray,
    progress: Progress,
) -> Exam:
    inputs = (pixels ^ 128).view(np.int8)
    progress.begin("examining", len(inputs))
    return Exam(
        name,
        paths,
        pixels,
        labels,
        evaluate.floats(model, inputs),
        evaluate.int8(model, inputs, progress.advance),
    )
