# SPDX-License-Identifier: MIT
"""Models: their answers, their report, the page that runs them, and what can be taken away."""

from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from galago.errors import GalagoError
from galago.models import ModelDirectory
from galago.report import charts
from galago.studio import fitting
from galago.studio.answers import Answers
from galago.studio.downloads import model_zip
from galago.studio.store import read_json
from galago.studio.studio import Studio
from galago.web import export

# The page has its script in it, and its own policy: it may load nothing.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; media-src blob:; connect-src data:; frame-ancestors 'self'"
)


def answers(request: Request) -> Response:
    """GET /api/models/{id}/answers: what it says of each held-out photo."""
    studio: Studio = request.app.state.studio
    model = studio.models.open(request.path_params["id"])
    found = Answers.of_model(model.path)
    rows = found.rows(set(studio.project.photos)) if found else []
    limit = model.contract.get("unknown_below")
    return JSONResponse({"labels": model.labels, "unknown_below": limit, "photos": rows})


def report(request: Request) -> Response:
    """GET /api/models/{id}/report: report.json, with its curves as SVG."""
    studio: Studio = request.app.state.studio
    model_id = request.path_params["id"]
    table = read_json(studio.models.path(model_id) / "report.json", {})
    if not table:
        raise GalagoError("studio.missing", "this model has no report: train it once more")
    return JSONResponse({**table, "charts": _charts(table)})


def _charts(table: dict[str, Any]) -> dict[str, str | None]:
    history, calibration = table.get("history") or [], table["calibration"]
    places = list(enumerate(history, 1))
    found: dict[str, str | None] = {"loss": None, "accuracy": None}
    if history:
        loss = {
            "training": [(n, row["loss"]) for n, row in places],
            "validation": [(n, row["validation_loss"]) for n, row in places],
        }
        accuracy = {"validation": [(n, row["validation_accuracy"]) for n, row in places]}
        most = max(y for points in loss.values() for _, y in points)
        found["loss"] = charts.lines(loss, "epoch", 0, most)
        found["accuracy"] = charts.lines(accuracy, "epoch", 0, 1, percent=True)
    names = {"before": "before calibration", "after": "int8, calibrated"}
    series = {title: calibration[key] for key, title in names.items() if calibration[key]}
    found["reliability"] = charts.reliability(series)
    return found


def page(request: Request) -> Response:
    """GET /api/models/{id}/page: the model as one page that computes a board's bytes, for an iframe."""
    studio: Studio = request.app.state.studio
    path = _exported(studio.models.open(request.path_params["id"]))
    headers = {"content-security-policy": _PAGE_POLICY, "cache-control": "private, max-age=3600"}
    return FileResponse(path, media_type="text/html", headers=headers)


def _exported(model: ModelDirectory) -> Any:
    path = model.path / "page.html"
    if not path.exists():
        part = path.with_suffix(".part")
        part.write_text(export.page(model), encoding="utf-8")
        part.replace(path)
    return path


def download(request: Request) -> Response:
    """GET /api/models/{id}/download?what=zip|tflite|web|kmodel|recipe|report."""
    studio: Studio = request.app.state.studio
    model = studio.models.open(request.path_params["id"])
    what = request.query_params.get("what", "zip")
    if what == "tflite":
        return FileResponse(model.tflite, filename=f"{model.name}.tflite")
    if what == "web":
        return FileResponse(_exported(model), filename=f"{model.name}.html")
    if what == "recipe" and (model.path / "recipe.toml").is_file():
        return FileResponse(model.path / "recipe.toml", filename=f"{model.name}.toml")
    if what == "report" and (model.path / "report.html").is_file():
        return FileResponse(model.path / "report.html", filename=f"{model.name}-report.html")
    if what == "kmodel":
        from galago.targets.k210.compiler import compile_model

        data = compile_model(model.tflite.read_bytes()).model.write()
        return _file(data, f"{model.name}.kmodel", "application/octet-stream")
    if what == "zip":
        return _file(model_zip(model), f"{model.name}.zip", "application/zip")
    raise GalagoError("studio.missing", f"this model has no {what!r:.20}: choose another download")


def fit(request: Request) -> Response:
    """GET /api/models/{id}/fit?board=."""
    studio: Studio = request.app.state.studio
    model = studio.models.open(request.path_params["id"])
    return JSONResponse(fitting.of_model(model, request.query_params.get("board", "")))


def _file(data: bytes, name: str, kind: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(data, media_type=kind, headers=headers)


def delete(request: Request) -> Response:
    """DELETE /api/models/{id}."""
    studio: Studio = request.app.state.studio
    model_id = request.path_params["id"]
    studio.jobs.check_unused(model_id)
    studio.models.delete(model_id)
    studio.events.publish("model", id=model_id)
    return JSONResponse({})


routes = [
    Route("/api/models/{id}", delete, methods=["DELETE"]),
    Route("/api/models/{id}/answers", answers),
    Route("/api/models/{id}/report", report),
    Route("/api/models/{id}/fit", fit),
    Route("/api/models/{id}/page", page),
    Route("/api/models/{id}/download", download),
]
