# SPDX-License-Identifier: MIT
"""Sweeps of a project: the orders to make one and to take one of its models, and what a page shows of it.

kind, title, order = sweeps.FOR["sweep"](studio, {"kind": "sweep", "board": "RPI_PICO2", "minutes": 30})
sweeps.table(studio, job.id)

The folder of a sweep is in that of its job, and is forgotten with it; a model that was taken is one of the
project's.
"""

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galago.errors import GalagoError
from galago.resources import install_command
from galago.studio.fitting import known_board
from galago.studio.job import Job
from galago.studio.naming import new_id
from galago.studio.orders import Order, freeze
from galago.studio.store import read_json

if TYPE_CHECKING:
    from galago.studio.studio import Studio

FOLDER = "sweep"
"""The folder of a sweep in that of its job."""
MINUTES = (30, 120, 600)
"""How long a sweep may search."""
_MOST_MS = 1000.0  # per picture on the board, the default of `galago sweep`


def missing() -> str | None:
    """Returns the command that installs what a sweep needs, None if it is there."""
    return None if find_spec("ray") else install_command("sweep")


def sweep(studio: "Studio", wish: dict[str, Any]) -> Order:
    """Returns the order to look for the best models for a board, with the photos as they are now.

    Raises board.unknown, studio.request, config.missing without Ray, dataset.classes.
    """
    board, minutes = known_board(wish.get("board") or ""), wish.get("minutes")
    if minutes not in MINUTES:
        times = ", ".join(map(str, MINUTES))
        raise GalagoError(
            "studio.request", f"expected a time of {times} minutes, got {minutes!r:.20}: choose one"
        )
    if command := missing():
        raise GalagoError("config.missing", f"Ray is not installed: {command}")
    frozen = studio.project.work / "frozen" / new_id("f")
    held_out = freeze(studio, frozen)
    order = {
        "board": board.id,
        "seconds": minutes * 60,
        "limits": {board.id: _MOST_MS},
        "photos": str(frozen / "photos"),
        "test": str(frozen / "held out") if held_out else None,
        "frozen": str(frozen),
    }
    return "sweep", f"Search for {board.name}", order


def take(studio: "Studio", wish: dict[str, Any]) -> Order:
    """Returns the order to put a model of a sweep among the project's. It is measured on the sweep's photos.

    Raises studio.missing, or studio.busy if it is being taken or was taken before.
    """
    job, trial = _sweep(studio, wish.get("sweep") or ""), wish.get("trial")
    _, finished = _finished(job)
    if trial not in {each["name"] for each in finished}:
        raise GalagoError("studio.missing", f"the search has no model {trial!r:.40}: reload the page")
    model = _model_id(job, str(trial))
    studio.jobs.check_unused(model)
    if model in {row["id"] for row in studio.models.rows()}:
        raise GalagoError("studio.busy", f"{trial} is among the models: choose another")
    made_from = read_json(job.folder / "order.json", {})
    order = {
        "model": model,
        "source": str(job.folder / FOLDER / "models" / str(trial)),
        "models": str(studio.project.work / "models"),
        "project": str(studio.project.root),
        "photos": made_from["photos"],
        "test": made_from["test"],
    }
    return "take", f"Taking {trial}", order


def table(studio: "Studio", job_id: str) -> dict[str, Any]:
    """Returns what is finished, the fastest model first, and which is recommended. Raises studio.missing.

    `model` is the id that a model has once it is taken.
    """
    job = _sweep(studio, job_id)
    board, finished = _finished(job)
    rows = [{**_row(board, trial), "model": _model_id(job, trial["name"])} for trial in finished]
    return {"advice": board.get("advice"), "trials": sorted(rows, key=lambda row: row["ms"])}


def page(studio: "Studio", job_id: str) -> Path:
    """Returns the page that a sweep wrote itself. Raises studio.missing, also before its first model."""
    file = _sweep(studio, job_id).folder / FOLDER / "index.html"
    if not file.is_file():
        raise GalagoError("studio.missing", "the search has no model yet: wait for the first")
    return file


def _row(board: dict[str, Any], trial: dict[str, Any]) -> dict[str, Any]:
    result, cost = trial["result"], trial["costs"][board["board"]]
    return {
        "name": trial["name"],
        "accuracy": result["accuracy"],
        "ms": cost["milliseconds"],
        "heap": cost["heap"],
        "front": trial["name"] in board["front"],
        "recommended": trial["name"] == board["recommended"],
    }


def _sweep(studio: "Studio", job_id: str) -> Job:
    job = studio.jobs.get(job_id)
    if job.row["kind"] != "sweep":
        raise GalagoError("studio.missing", "no search with this id: reload the page")
    return job


def _finished(job: Job) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Returns the board's part of results.json, and the trials that ended in a model for it."""
    found = read_json(job.folder / FOLDER / "results.json", {})
    if not found:
        return {}, []
    (board,) = found["boards"]
    return board, [trial for trial in found["trials"] if board["board"] in trial["costs"]]


def _model_id(job: Job, trial: str) -> str:
    """The id of a trial's model once it is taken: always the same, so that it is not taken twice."""
    return "m" + hashlib.sha256(f"{job.id} {trial}".encode()).hexdigest()[:12]


FOR = {"sweep": sweep, "take": take}
"""What makes the order of each kind of job."""
