# SPDX-License-Identifier: MIT
"""From a recipe to a model directory: train, quantize, evaluate, report.

    model = run_recipe(recipe, data="DATA", out=Path("models/mine"), progress=progress)

The directory gets model.tflite and model.json, the recipe, the float network (float.keras) and the report.
Until it is finished, its folder `.training` holds what an interrupted training resumes from.
"""

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from galago import dataset, evaluate, imagenet, lazy_tensorflow, report
from galago.errors import GalagoError
from galago.evaluate.answers import FLOAT
from galago.models import ModelDirectory
from galago.report import EvaluationSet, Findings
from galago.train.advice import advice
from galago.train.post_training import quantize_trained
from galago.train.progress import Progress
from galago.train.recipe import PhotoRecipe, Recipe, to_toml
from galago.train.result import Trained

WORK = ".training"


def run_recipe(
    recipe: Recipe, data: str | Path, out: Path, progress: Progress, file: Path | None = None
) -> ModelDirectory:
    """Trains and writes the model directory; `file` is the recipe.toml to copy into it, if there is one.

    Raises dataset.*, train.weights, model.*, disk.full, config.invalid.
    """
    from galago.train import run

    data, work = Path(data), out / WORK
    _check_paths(recipe, data, out)
    trained = run(recipe, data, work, progress)
    lazy_tensorflow.release_memory()
    progress.begin("quantizing", 1)
    try:
        model, losses = quantize_trained(recipe, trained, data, out, work, progress)
        trained.network.save(out / FLOAT)
        text = to_toml(recipe) if isinstance(recipe, PhotoRecipe) else ""
        text = file.read_text(encoding="utf-8") if file else text
        (out / "recipe.toml").write_text(text, encoding="utf-8")
        _report(recipe, trained, model, losses, data, progress)
    except OSError as error:
        raise GalagoError(
            "disk.full",
            f"{out}: {error.strerror or error}: free some space and repeat the command, training is not lost",
        ) from error
    shutil.rmtree(work, ignore_errors=True)
    return model


def _check_paths(recipe: Recipe, data: Path, out: Path) -> None:
    """Checks what is needed only after the training. Raises dataset.*, model.labels and disk.full."""
    if recipe.test:
        folder = data / recipe.test
        names = None if (folder / "labels.txt").is_file() else set(dataset.from_subfolders(folder).names)
        if names and isinstance(recipe, PhotoRecipe):
            classes = dataset.from_subfolders(data / recipe.photos).names
            if not names & set(classes):
                raise GalagoError(
                    "model.labels",
                    f"{folder}: no sub-folder is named after a class of the photos "
                    f"({', '.join(classes[:4])} …): rename the sub-folders",
                )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GalagoError("disk.full", f"{out}: {error.strerror}: choose another -o") from None


def _report(
    recipe: Recipe,
    trained: Trained,
    model: ModelDirectory,
    losses: dict[str, Any],
    data: Path,
    progress: Progress,
) -> None:
    """Evaluates the model on its test photos, or else on the validation photos, and writes the report."""
    photos = trained.validation
    validation = _evaluate(photos.name, model, photos.paths, photos.pixels, photos.labels, progress)
    evaluation = validation
    if recipe.test:
        test = evaluate.labelled(model, data / recipe.test)
        inputs, positions = evaluate.read_inputs(model, test.paths, progress.say)
        paths = [test.paths[i] for i in positions]
        pixels, labels = inputs.view(np.uint8) ^ 128, test.labels[positions]
        folder = Path(recipe.test)
        name = folder.name if folder.is_absolute() else recipe.test
        evaluation = _evaluate(f"{name}, not trained on", model, paths, pixels, labels, progress)
    findings = Findings(
        evaluation=evaluation,
        validation=validation,
        uncalibrated=trained.uncalibrated,
        temperature=trained.temperature,
        history=trained.history,
        skipped=trained.skipped,
        thumbnails=recipe.thumbnails,
        quantization=losses,
    )
    page = report.write(model, findings)
    for engine, answers in (("float", evaluation.floats), ("int8", evaluation.int8)):
        if answers is None:
            continue
        scores = evaluate.Scores.of(answers, evaluation.labels)
        low, high = scores.interval
        progress.say(
            f"{engine}: {scores.right} of {scores.count} right, {scores.accuracy:.1%} "
            f"({low:.1%} to {high:.1%}), on {evaluation.name}"
        )
    if isinstance(recipe, PhotoRecipe):
        labels = dataset.from_subfolders(data / recipe.photos).labels
        counts = np.bincount(labels, minlength=len(model.labels)).tolist()
        scores = evaluate.Scores.of(evaluation.int8, evaluation.labels)
        wider = imagenet.wider(recipe.architecture, recipe.alpha)
        for line in advice(scores, model.labels, counts, recipe.size, wider):
            progress.say(f"to do better: {line}")
    progress.say(f"report: open {page} in a browser")


def _evaluate(
    name: str,
    model: ModelDirectory,
    paths: list[Path],
    pixels: np.ndarray,
    labels: np.ndarray,
    progress: Progress,
) -> EvaluationSet:
    """Returns photos, uint8 [n, h, w, c] with classes int64 [n], together with float's and int8's answers."""
    inputs = (pixels ^ 128).view(np.int8)
    progress.begin("evaluating", len(inputs))
    floats = evaluate.floats(model, inputs)
    int8 = evaluate.int8(model, inputs, progress.advance)
    return EvaluationSet(name, paths, pixels, labels, floats, int8)
