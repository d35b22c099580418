# SPDX-License-Identifier: MIT
"""From a recipe to a model directory: train, quantize, see what int8 costs, report.

    model = make(recipe, data="DATA", out=Path("models/mine"), progress=progress)

The directory gets model.tflite and model.json, the recipe, the float network (float.keras) and the report.
Until it is done, what is needed to go on after an interruption lies in its folder `.training`.
"""

import shutil
from pathlib import Path

import numpy as np

from galago import evaluate, quantize, report
from galago.errors import GalagoError
from galago.evaluate.answers import FLOAT
from galago.models import ModelDirectory
from galago.report import Exam, Findings
from galago.train.progress import Progress
from galago.train.recipe import GroupRecipe, PhotoRecipe, Recipe, written
from galago.train.result import Trained
from galago.train.views import to_float

WORK = ".training"
WORTH = 0.005
"""Loss of accuracy by quantization from which on something is done about it."""


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
        model = _quantized(recipe, trained, data, out, progress)
        trained.network.save(out / FLOAT)
        text = file.read_text() if file else written(recipe) if isinstance(recipe, PhotoRecipe) else ""
        (out / "recipe.toml").write_text(text)
        _report(recipe, trained, model, data, progress)
    except OSError as error:
        raise GalagoError(
            "disk.full",
            f"{out}: {error.strerror or error}: the training is kept: free some space, repeat the command",
        ) from error
    shutil.rmtree(work, ignore_errors=True)
    return model


def _quantized(recipe: Recipe, trained: Trained, data: Path, out: Path, progress: Progress) -> ModelDirectory:
    """The int8 model; with corrected biases where the plain one loses too much on the validation photos."""
    calibrate = data / recipe.calibrate if isinstance(recipe, GroupRecipe) else trained.training
    kept, inside = trained.kept, trained.kept.labels >= 0

    def built(refined: bool) -> tuple[ModelDirectory, float]:
        model = quantize.build(
            trained.network,
            calibrate,
            out,
            name=recipe.name,
            labels=trained.names,
            unknown_below=trained.unknown_below,
            extra={"architecture": recipe.architecture, "alpha": recipe.alpha},
            refined=refined,
            warn=progress.say,
        )
        answers = evaluate.int8(model, (kept.pixels[inside] ^ 128).view(np.int8))
        return model, evaluate.Scores.of(answers, kept.labels[inside]).accuracy

    floats = trained.network.predict(to_float(kept.pixels[inside]), batch_size=128, verbose=0)
    wanted = evaluate.Scores.of(floats, kept.labels[inside]).accuracy
    model, plain = built(refined=False)
    if wanted - plain > WORTH:
        model, better = built(refined=True)
        progress.say(f"validation: float {wanted:.1%}, int8 {plain:.1%}, with corrected biases {better:.1%}")
        if better < plain:
            model, _ = built(refined=False)
    return model


def _report(recipe: Recipe, trained: Trained, model: ModelDirectory, data: Path, progress: Progress) -> None:
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
