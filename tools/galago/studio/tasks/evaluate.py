# SPDX-License-Identifier: MIT
"""Measures a model again, on the photos that are held out now: here, and on a board if one is named."""

from pathlib import Path
from typing import Any

import numpy as np

from galago import evaluate, flash, transport
from galago.evaluate.comparison import Comparison
from galago.models import ModelDirectory
from galago.report import EvaluationSet
from galago.studio.answers import Answers, exam
from galago.studio.models import ABOUT
from galago.studio.reporter import Reporter
from galago.studio.store import read_json, write_json


def run(order: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Lets the model answer all photos again. Returns {float, int8}: accuracies, and what `board` says."""
    model = ModelDirectory.open(order["model_path"])
    reporter.progress("measuring", 0, 1)
    has_float = (model.path / "float.keras").is_file()
    seen = exam(model, Path(order["photos"]), has_float, lambda text: reporter.line("say", text=text))
    board = _on_board(order["device"], model, seen, reporter) if order.get("device") else None
    answers = Answers.of(model, seen)
    answers.save(model.path)
    accuracy, before = answers.scores().accuracy, answers.float_accuracy()
    about = read_json(model.path / ABOUT, {}) | {"accuracy": accuracy, "float_accuracy": before}
    write_json(model.path / ABOUT, about | ({"board": board} if board else {}))
    return {"int8": accuracy, "float": before, "board": board, "model": order["model"]}


def _on_board(device: str, model: ModelDirectory, seen: EvaluationSet, reporter: Reporter) -> dict[str, Any]:
    """Measures as `galago evaluate --on board` does. Returns its table, and the accuracy."""
    inputs, count, done = (seen.pixels ^ 128).view(np.int8), len(seen.paths), 0

    def tick() -> None:
        nonlocal done
        done += 1
        reporter.progress("on the board", done, count)

    names = [path.name for path in seen.paths]
    comparison = Comparison(model, inputs, model.probabilities(seen.int8), names, tick)
    with transport.connect(device) as board:
        wanted = flash.prepared(board, model)
        plan = flash.UploadPlan(
            board,
            wanted.files,
            lambda n, all_: reporter.progress("comparing", n, all_),
            wanted.spare,
            wanted.small,
        )
        plan.run(lambda path, n: reporter.progress("files", n, plan.total))
        kind = "an emulated board" if board.implementation["emulated"] else board.implementation["machine"]
        comparison.on_board(board, kind, wanted.backends, lambda text: reporter.line("say", text=text))
    scores = evaluate.Scores.of(comparison.probabilities, seen.labels)
    return {**comparison.table, "accuracy": scores.accuracy}
