# SPDX-License-Identifier: MIT
"""Phones: the invitation, which the page shows, and all that a phone may ask for."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from galago.errors import GalagoError
from galago.studio import ingest
from galago.studio.requests import fields, received
from galago.studio.routes import models, photos
from galago.studio.studio import Studio


async def invite(request: Request) -> Response:
    """POST /api/phone: the address with its key, and the QR code of it."""
    studio: Studio = request.app.state.studio
    await fields(request)
    if studio.phone is None:
        raise GalagoError(
            "studio.phone", "phones are not let in: start galago studio with --phone, or --phone-https"
        )
    return JSONResponse(studio.phone.invite())


def show(request: Request) -> Response:
    """GET /api/phone: classes, and the newest model."""
    studio: Studio = request.app.state.studio
    rows = studio.models.rows()
    newest = {key: rows[0][key] for key in ("id", "name")} if rows else None
    classes = [{key: row[key] for key in ("id", "name", "photos")} for row in studio.project.summary()]
    return JSONResponse({"name": studio.project.name, "classes": classes, "model": newest})


async def add(request: Request) -> Response:
    """POST /api/classes/{id}/photos: one photo."""
    studio: Studio = request.app.state.studio
    group = request.path_params["id"]
    studio.project.folder(group)
    async with received(request, studio.project.work / "incoming", ingest.LARGEST_PHOTO) as path:
        if ingest.is_zip(path):
            raise GalagoError("studio.request", "a phone sends one photo at a time: choose a picture")
        return JSONResponse(await run_in_threadpool(photos.add, studio, group, path, "the photo"))


routes = [Route("/api/phone", invite, methods=["POST"])]
"""Of the page on this computer."""

phone_routes = [
    Route("/api/phone", show),
    Route("/api/classes/{id}/photos", add, methods=["POST"]),
    Route("/api/models/{id}/page", models.page),
]
"""Of a phone."""
