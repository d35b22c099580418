# SPDX-License-Identifier: MIT
"""The project as a whole: what there is, its classes, undo, and the stream of events."""

from urllib.parse import quote

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from galago.studio import examples
from galago.studio.downloads import open_project, write_project
from galago.studio.ingest import LARGEST_ZIP
from galago.studio.naming import new_id
from galago.studio.requests import fields, received
from galago.studio.studio import Studio


def show(request: Request) -> Response:
    """GET /api/project."""
    studio: Studio = request.app.state.studio
    studio.project.scan()
    return JSONResponse(
        {
            "name": studio.project.name,
            "folder": str(studio.project.root),
            "undo": studio.project.trash.last,
            "classes": studio.project.summary(),
            "examples": examples.rows(),
            "models": studio.models.rows(),
            "jobs": studio.jobs.rows(),
            "can": {
                "phone": studio.phone is not None,
                "https": studio.phone is not None and studio.phone.scheme == "https",
                "emulator": studio.ports.can_emulate,
            },
        }
    )


async def start_example(request: Request) -> Response:
    """POST /api/examples/{id}."""
    studio: Studio = request.app.state.studio
    await fields(request)
    count = await run_in_threadpool(examples.start, studio, request.path_params["id"])
    return JSONResponse({"added": count})


async def add_class(request: Request) -> Response:
    """POST /api/classes {name}."""
    studio: Studio = request.app.state.studio
    body = await fields(request, name=str)
    return JSONResponse({"id": studio.project.add_class(body.get("name"))})


async def rename_class(request: Request) -> Response:
    """PATCH /api/classes/{id} {name}."""
    studio: Studio = request.app.state.studio
    body = await fields(request, name=str)
    studio.project.rename_class(request.path_params["id"], body.get("name"))
    return JSONResponse({})


def delete_class(request: Request) -> Response:
    """DELETE /api/classes/{id}."""
    studio: Studio = request.app.state.studio
    studio.project.delete_class(request.path_params["id"])
    return JSONResponse({"undo": studio.project.trash.last})


def undo(request: Request) -> Response:
    """POST /api/undo."""
    studio: Studio = request.app.state.studio
    return JSONResponse({"undone": studio.project.undo(), "undo": studio.project.trash.last})


async def events(request: Request) -> Response:
    """GET /api/events: Server-Sent Events; the browser sends Last-Event-ID when it reconnects."""
    studio: Studio = request.app.state.studio
    last = request.headers.get("last-event-id") or request.query_params.get("after", "")
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(studio.events.stream(last[:40]), media_type="text/event-stream", headers=headers)


def download(request: Request) -> Response:
    """GET /api/download: the whole project as a zip."""
    studio: Studio = request.app.state.studio
    folder = studio.project.work / "incoming"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / new_id("d")
    write_project(studio, path)
    name = quote(f"{studio.project.name}.zip")
    headers = {"content-disposition": f"attachment; filename*=UTF-8''{name}"}
    remove = BackgroundTask(path.unlink, missing_ok=True)
    return FileResponse(path, media_type="application/zip", headers=headers, background=remove)


async def open_zip(request: Request) -> Response:
    """POST /api/open: the body is such a zip."""
    studio: Studio = request.app.state.studio
    async with received(request, studio.project.work / "incoming", LARGEST_ZIP) as path:
        return JSONResponse(await run_in_threadpool(open_project, studio, path))


routes = [
    Route("/api/download", download),
    Route("/api/open", open_zip, methods=["POST"]),
    Route("/api/project", show),
    Route("/api/examples/{id}", start_example, methods=["POST"]),
    Route("/api/classes", add_class, methods=["POST"]),
    Route("/api/classes/{id}", rename_class, methods=["PATCH"]),
    Route("/api/classes/{id}", delete_class, methods=["DELETE"]),
    Route("/api/undo", undo, methods=["POST"]),
    Route("/api/events", events),
]
