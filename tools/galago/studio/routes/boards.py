# SPDX-License-Identifier: MIT
"""Boards: those that are known, what fits them, and those that are plugged in."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from galago.studio import fitting
from galago.studio.requests import number
from galago.studio.studio import Studio


def known(request: Request) -> Response:
    """GET /api/boards."""
    return JSONResponse(fitting.board_rows())


def architectures(request: Request) -> Response:
    """GET /api/architectures."""
    return JSONResponse(fitting.architectures())


def fit(request: Request) -> Response:
    """GET /api/fit?board=&architecture=&alpha=&size=: without alpha and size, the largest that fits."""
    studio: Studio = request.app.state.studio
    query = request.query_params
    classes = max(2, len(studio.project.classes))
    board, architecture = query.get("board", ""), query.get("architecture") or "mobilenet_v1"
    if "alpha" not in query and "size" not in query:
        return JSONResponse(fitting.best(board, architecture, classes))
    alpha, size = number(request, "alpha", 0.25, 0, 2), int(number(request, "size", 96, 0, 1000))
    return JSONResponse(fitting.verdict(board, architecture, alpha, size, classes))


def ports(request: Request) -> Response:
    """GET /api/ports."""
    studio: Studio = request.app.state.studio
    rows = studio.ports.rows()
    return JSONResponse([{**row, "busy": studio.jobs.on_port(row["port"])} for row in rows])


routes = [
    Route("/api/boards", known),
    Route("/api/architectures", architectures),
    Route("/api/fit", fit),
    Route("/api/ports", ports),
]
