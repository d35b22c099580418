# SPDX-License-Identifier: MIT
"""Jobs: start one, look at one, pause, resume and stop it."""

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from galago.errors import GalagoError
from galago.report import charts
from galago.studio import orders, sweeps
from galago.studio.jobs import shown
from galago.studio.requests import fields
from galago.studio.studio import Studio

_NONE = type(None)
_TEXTS = ("kind", "architecture", "board", "model", "port", "class", "from", "sweep", "trial")
_ORDERS = {**orders.FOR, **sweeps.FOR}
_FIELDS: dict[str, Any] = dict.fromkeys(_TEXTS, (str, _NONE))
_FIELDS |= dict.fromkeys(("size", "blocks", "epochs", "minutes"), (int, _NONE)) | {
    "alpha": (int, float, _NONE)
}


async def start(request: Request) -> Response:
    """POST /api/jobs {kind, …}: the fields that `orders` or `sweeps` take for the kind; null for none."""
    studio: Studio = request.app.state.studio
    wish = await fields(request, **_FIELDS)
    order_for = _ORDERS.get(wish.get("kind") or "")
    if order_for is None:
        raise GalagoError("studio.request", f"expected a kind of job ({', '.join(_ORDERS)}): reload the page")
    job = await run_in_threadpool(studio.order, order_for, wish)
    return JSONResponse(shown(job))


def show(request: Request) -> Response:
    """GET /api/jobs/{id}: with its lines, and the curves of a training."""
    studio: Studio = request.app.state.studio
    job = studio.jobs.get(request.path_params["id"])
    lines = list(job.lines)
    epochs = [line for line in lines if line.get("type") == "epoch"]
    kept = [line for line in lines if line.get("type") != "progress"]
    return JSONResponse({**shown(job), "lines": kept[-500:], "charts": curves(epochs)})


def curves(epochs: list[dict[str, Any]]) -> dict[str, str | None]:
    """Returns the curves of a training as SVG; None before the first epoch."""
    if not epochs:
        return {"loss": None, "accuracy": None}
    places = list(enumerate(epochs, 1))
    loss = {
        "training": [(n, row["loss"]) for n, row in places],
        "validation": [(n, row["validation_loss"]) for n, row in places],
    }
    accuracy = {"validation": [(n, row["validation_accuracy"]) for n, row in places]}
    most = max(y for points in loss.values() for _, y in points)
    return {
        "loss": charts.lines(loss, "epoch", 0, most),
        "accuracy": charts.lines(accuracy, "epoch", 0, 1, percent=True),
    }


async def control(request: Request) -> Response:
    """POST /api/jobs/{id}/{action}: pause, resume or stop."""
    studio: Studio = request.app.state.studio
    await fields(request)
    job = await run_in_threadpool(
        studio.jobs.control, request.path_params["id"], request.path_params["action"]
    )
    return JSONResponse(shown(job))


routes = [
    Route("/api/jobs", start, methods=["POST"]),
    Route("/api/jobs/{id}", show),
    Route("/api/jobs/{id}/{action}", control, methods=["POST"]),
]
