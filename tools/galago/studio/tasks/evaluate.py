# SPDX-License-Identifier: MIT
"""Measures a model again, on the photos that are held out now."""

from pathlib import Path
from typing import Any

from galago.models import ModelDirectory
from galago.studio.answers import answer
from galago.studio.models import ABOUT
from galago.studio.reporter import Reporter
from galago.studio.store import read_json, write_json


def run(order: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Lets the model answer all photos again. Returns {float, int8}: accuracies."""
    model = ModelDirectory.open(order["model_path"])
    reporter.progress("measuring", 0, 1)
    has_float = (model.path / "float.keras").is_file()
    exam = answer(model, Path(order["photos"]), has_float, lambda text: reporter.line("say", text=text))
    exam.save(model.path)
    accuracy, before = exam.scores().accuracy, exam.float_accuracy()
    about = read_json(model.path / ABOUT, {})
    write_json(model.path / ABOUT, {**about, "accuracy": accuracy, "float_accuracy": before})
    return {"int8": accuracy, "float": before, "model": order["model"]}
