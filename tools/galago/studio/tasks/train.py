# SPDX-License-Identifier: MIT
"""Trains a model on a copy of the project's photos, and measures it on those that are held out."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from galago import dataset, evaluate, imagenet
from galago.evaluate.answers import FLOAT
from galago.models import ModelDirectory
from galago.report import EvaluationSet
from galago.studio.answers import Answers, exam
from galago.studio.models import ABOUT, publish
from galago.studio.reporter import ReportedProgress, Reporter
from galago.studio.store import write_json
from galago.train.advice import advice, overfitting
from galago.train.choice import TrainingOptions, recipe_for
from galago.train.pipeline import run_recipe
from galago.train.recipe import PhotoRecipe, to_toml

_TRAINED_SAMPLE = 200  # training photos that are answered, to see whether it overfits


def run(order: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Trains as `galago train` does. Returns {model: id}."""
    out, recipe = Path(order["folder"]) / "model", _recipe(order)
    model = run_recipe(recipe, Path(), out, ReportedProgress(reporter))
    keep_recipe(replace(recipe, start=order["start_model"] or ""), order["project"], out)
    measured(order, model, reporter, quick=False)
    return {"model": publish(out, Path(order["models"]), order["model_id"])}


def keep_recipe(recipe: PhotoRecipe, project: str, out: Path) -> None:
    """Writes a model's recipe with the project's photos, since the copy that it was trained on will go."""
    lasting = replace(recipe, photos=project, test="")
    (out / "recipe.toml").write_text(to_toml(lasting), encoding="utf-8")


def measured(order: dict[str, Any], model: ModelDirectory, reporter: Reporter, quick: bool) -> EvaluationSet:
    """Measures a model on the held-out photos, and writes what a page shows of it beside it."""
    reporter.progress("measuring", 0, 1)
    held_out = Path(order["test"]) if order.get("test") else None
    name = "photos that were held out" if held_out else "the photos that it was trained on"
    seen = exam(model, held_out or Path(order["photos"]), (model.path / FLOAT).is_file(), name=name)
    answers = Answers.of(model, seen)
    answers.save(model.path)
    about = _about(order, model, answers, bool(held_out))
    write_json(model.path / ABOUT, {**about, "quick": quick})
    return seen


def _recipe(order: dict[str, Any]) -> PhotoRecipe:
    if order["start"]:
        options = replace(TrainingOptions.fine_tuning(Path(order["start"])), size=order["size"])
    else:
        options = TrainingOptions(order["architecture"], order["alpha"], order["size"], order["blocks"])
    test = Path(order["test"]) if order.get("test") else None
    options = replace(options, test=test, epochs=order.get("epochs"))
    return recipe_for(Path(order["photos"]), order["name"], options)


def _about(order: dict[str, Any], model: ModelDirectory, answers: Answers, held_out: bool) -> dict[str, Any]:
    """Returns what the project keeps of a model besides its directory."""
    photos = dataset.from_subfolders(order["photos"])
    counts = np.bincount(photos.labels, minlength=len(model.labels)).tolist()
    scores = answers.scores()
    wider = imagenet.wider(model.contract.get("architecture", ""), model.contract.get("alpha", 0))
    lines = advice(scores, model.labels, counts, model.input_shape[0], wider, options=False)
    if not held_out:
        lines.insert(0, "measured on the photos that it was trained on: 10 photos of each class allow more")
    elif (model.path / FLOAT).is_file():  # a quick model's head alone hardly overfits
        lines += overfitting(_accuracy_on(model, photos), scores.accuracy)
    return {
        "name": model.name,
        "accuracy": scores.accuracy,
        "interval": list(scores.interval),
        "float_accuracy": answers.float_accuracy(),
        "held_out": held_out,
        "photos": len(photos),
        "advice": lines,
        "job": Path(order["folder"]).name,
    }


def _accuracy_on(model: ModelDirectory, photos: dataset.Photos) -> float:
    """Returns the accuracy on some of the training photos, evenly taken."""
    step = max(1, len(photos) // _TRAINED_SAMPLE)
    some = photos.where(np.arange(0, len(photos), step))
    inputs, positions = evaluate.read_inputs(model, some.paths, lambda text: None)
    return evaluate.Scores.of(evaluate.int8(model, inputs), some.labels[positions]).accuracy
