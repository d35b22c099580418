# SPDX-License-Identifier: MIT
"""The project as a whole: what there is, its classes, undo, and the stream of events."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from galago.studio.requests import fields
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
            "examples": [],
            "models": [],
            "jobs": [],
            "can": {"phone": False, "https": False},
        }
    )


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


routes = [
    Route("/api/project", show),
    Route("/api/classes", add_class, methods=["POST"]),
    Route("/api/classes/{id}", rename_class, methods=["PATCH"]),
    Route("/api/classes/{id}", delete_class, methods=["DELETE"]),
    Route("/api/undo", undo, methods=["POST"]),
    Route("/api/events", events),
]
