# SPDX-License-Identifier: MIT
"""What a sweep found: results.json and index.html in its folder, and the same for the terminal.

results.write(folder)
for board in of_folder(folder)["boards"]:
    board["recommended"], board["advice"], board["front"]
"""

import json
from typing import Any

from galago.models import ModelDirectory
from galago.sweep import front
from galago.sweep.folder import Folder, Trial
from galago.sweep.folder import write as write_file
from galago.sweep.page import page


def of_model(model: ModelDirectory) -> dict[str, Any]:
    """Returns the figures of a finished model, from its report and its contract.

    `accuracy`, by which models are compared, is int8's on the validation photos. Where there are test photos,
    `test` is what they say; the sweep does not choose by them.
    """
    report = json.loads((model.path / "report.json").read_text(encoding="utf-8"))
    quantization = report["quantization"]
    tuned = quantization["tuned"]
    validation = tuned if tuned and tuned["kept"] else quantization["int8"]
    size = report["size"]
    return {
        "accuracy": validation["accuracy"],
        "exam": report["exam"],
        "int8": report["int8"],
        "labels": report["labels"],
        "confusion": report["confusion"],
        "bytes": size["bytes"],
        "arena_bytes": size["arena_bytes"],
        "macs": size["macs"],
    }


def of_folder(folder: Folder) -> dict[str, Any]:
    """Returns all trials and the front of each board, ready for JSON."""
    return {
        "photos": folder.plan.photos,
        "seed": folder.plan.seed,
        "boards": [_board(board, folder.trials) for board in folder.plan.boards],
        "trials": [trial.as_dict() for trial in folder.trials],
    }


def _board(board: str, trials: list[Trial]) -> dict[str, Any]:
    finished = [trial for trial in trials if trial.state == "finished" and board in trial.costs]
    points = front.front(
        [
            front.Point(
                trial.name,
                trial.result["accuracy"],
                trial.costs[board].milliseconds,
                trial.costs[board].heap,
            )
            for trial in finished
        ]
    )
    recommended = front.knee(points).name if points else None
    return {
        "board": board,
        "recommended": recommended,
        "model": f"models/{recommended}" if recommended else None,
        "advice": front.advice(board, points),
        "front": [point.name for point in points],
    }


def write(folder: Folder) -> None:
    """Writes results.json and index.html."""
    table = of_folder(folder)
    write_file(folder.path / "results.json", json.dumps(table, indent=1, ensure_ascii=False).encode())
    write_file(folder.path / "index.html", page(table).encode())
