# SPDX-License-Identifier: MIT
"""Photos: lists of them, pictures, uploads, moving and deleting."""

from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from galago.errors import GalagoError
from galago.printable import printable
from galago.studio import ingest
from galago.studio.examine import known_before
from galago.studio.requests import fields, ids, number, received
from galago.studio.studio import Studio

_MOST_AT_ONCE = 500  # photos of a list
_BROKEN = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 72" fill="none" stroke="#888" stroke-width="2">'
    '<path d="M20 22h32v28H20z M20 22l32 28 M52 22L20 50"/></svg>'
)


def listed(request: Request) -> Response:
    """GET /api/classes/{id}/photos?from=0&count=200."""
    studio: Studio = request.app.state.studio
    start = int(number(request, "from", 0, 0, 10**9))
    count = int(number(request, "count", 200, 0, _MOST_AT_ONCE))
    photos = studio.project.of_class(request.path_params["id"])[::-1]  # the newest first
    return JSONResponse(
        {"total": len(photos), "photos": [p.as_dict() for p in photos[start : start + count]]}
    )


def picture(request: Request) -> Response:
    """GET /api/photos/{id}?size=thumb|full: a JPEG, or a sign in the place of a broken photo."""
    studio: Studio = request.app.state.studio
    photo_id = request.path_params["id"]
    try:
        path = _stored(studio, photo_id, request.query_params.get("size") == "full")
    except GalagoError as error:
        if not error.code.startswith("image."):
            raise
        return Response(_BROKEN, media_type="image/svg+xml")
    # A photo never changes under its id, except by other programs.
    headers = {"cache-control": "private, max-age=86400, immutable"}
    return FileResponse(path, media_type="image/jpeg", headers=headers)


def _stored(studio: Studio, photo_id: str, full: bool) -> Path:
    """Returns the file of a photo as pages show it; makes it first. Raises studio.missing, image.*."""
    source = studio.project.path(photo_id)
    path = studio.project.work / ("full" if full else "thumbs") / f"{photo_id}.jpg"
    if full and source.name == f"{photo_id}.jpg":  # written by `ingest`
        path = source
    elif not path.exists() or path.stat().st_mtime_ns < source.stat().st_mtime_ns:
        if full:
            path.parent.mkdir(parents=True, exist_ok=True)
            ingest.write_jpeg(ingest.read_upright(source), path)
        else:
            ingest.write_thumbnail(source, path)
    return path


async def upload(request: Request) -> Response:
    """POST /api/classes/{id}/photos: the body is one picture or zip, ?name= its name for messages."""
    studio: Studio = request.app.state.studio
    group = request.path_params["id"]
    studio.project.folder(group)
    name = printable(request.query_params.get("name", "the file")[:200])
    async with received(request, studio.project.work / "incoming", ingest.LARGEST_ZIP) as path:
        result = await run_in_threadpool(add, studio, group, path, name)
    return JSONResponse(result)


def add(studio: Studio, group: str, path: Path, name: str) -> dict[str, Any]:
    """Adds the pictures of a file to a class.

    Returns the ids of those added, how many of them are near-duplicates, and why others are refused.
    """
    added, refused = [], []
    size = path.stat().st_size
    if size > ingest.LARGEST_PHOTO and not ingest.is_zip(path):
        raise GalagoError("studio.limit", f"{name}: {size / 1e6:.0f} MB is too large for a photo: shrink it")
    try:
        for item in ingest.unpack(path, name):
            try:
                if item.error or item.path is None:
                    raise item.error or GalagoError("image.empty", "no content: send it again")
                added.append(studio.project.add_photo(group, ingest.read_upright(item.path)).id)
            except GalagoError as error:
                if not error.code.startswith("image."):
                    raise
                message = error.message.replace(item.path.name, item.name) if item.path else error.message
                refused.append({"name": item.name, "error": {"code": error.code, "message": message}})
    finally:
        if added:
            studio.project.touched({group})
    return {"added": added, "duplicates": known_before(studio.project, added), "refused": refused}


async def move(request: Request) -> Response:
    """POST /api/photos/move {ids, class}."""
    studio: Studio = request.app.state.studio
    body = await fields(request, **{"ids": list, "class": str})
    await run_in_threadpool(studio.project.move, ids(body), body.get("class", ""))
    return JSONResponse({"undo": studio.project.trash.last})


async def delete(request: Request) -> Response:
    """POST /api/photos/delete {ids}."""
    studio: Studio = request.app.state.studio
    body = await fields(request, ids=list)
    await run_in_threadpool(studio.project.delete, ids(body))
    return JSONResponse({"undo": studio.project.trash.last})


routes = [
    Route("/api/classes/{id}/photos", listed, methods=["GET"]),
    Route("/api/classes/{id}/photos", upload, methods=["POST"]),
    Route("/api/photos/move", move, methods=["POST"]),
    Route("/api/photos/delete", delete, methods=["POST"]),
    Route("/api/photos/{id}", picture),
]
