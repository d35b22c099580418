# SPDX-License-Identifier: MIT
"""Boards: those that are known, what fits them, and those that are plugged in."""

from pathlib import PurePosixPath

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from galago.errors import GalagoError
from galago.studio import fitting, orders, sweeps
from galago.studio.jobs import shown
from galago.studio.requests import number, received
from galago.studio.studio import Studio

_LARGEST_IMAGE = 64 << 20


def known(request: Request) -> Response:
    """GET /api/boards."""
    return JSONResponse(fitting.board_rows())


def networks(request: Request) -> Response:
    """GET /api/networks, with the command that installs what a search needs; null if it is there."""
    return JSONResponse({**fitting.networks(), "sweep_needs": sweeps.missing()})


def fit(request: Request) -> Response:
    """GET /api/fit?board=&architecture=&alpha=&size=&blocks=: without alpha and size, the largest one."""
    studio: Studio = request.app.state.studio
    query = request.query_params
    classes = max(2, len(studio.project.classes))
    board, architecture = query.get("board", ""), query.get("architecture") or "mobilenet_v1"
    if "alpha" not in query and "size" not in query:
        return JSONResponse(fitting.best(board, architecture, classes))
    alpha, size = number(request, "alpha", 0.25, 0, 2), int(number(request, "size", 96, 0, 1000))
    blocks = int(number(request, "blocks", 0, 0, 13))
    return JSONResponse(fitting.verdict(board, architecture, alpha, size, classes, blocks))


def ports(request: Request) -> Response:
    """GET /api/ports."""
    studio: Studio = request.app.state.studio
    rows = studio.ports.rows()
    return JSONResponse([{**row, "busy": studio.jobs.on_port(row["port"])} for row in rows])


async def firmware(request: Request) -> Response:
    """POST /api/firmware?board=&port=&name=: the body is the image to install; without a port, by a drive."""
    studio: Studio = request.app.state.studio
    query = request.query_params
    suffix = PurePosixPath(query.get("name", "")).suffix.lower()
    if suffix not in fitting.SUFFIXES:
        raise GalagoError(
            "firmware.image", f"expected a file {' or '.join(sorted(fitting.SUFFIXES))}: choose one"
        )
    async with received(request, studio.project.work / "incoming", _LARGEST_IMAGE) as path:
        image = path.rename(path.with_suffix(suffix))
        wish = {"kind": "firmware", "image": image, "board": query.get("board"), "port": query.get("port")}
        try:
            job = await run_in_threadpool(studio.order, orders.firmware, wish)
        finally:
            image.unlink(missing_ok=True)
    return JSONResponse(shown(job))


routes = [
    Route("/api/firmware", firmware, methods=["POST"]),
    Route("/api/boards", known),
    Route("/api/networks", networks),
    Route("/api/fit", fit),
    Route("/api/ports", ports),
]
