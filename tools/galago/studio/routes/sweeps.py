# SPDX-License-Identifier: MIT
"""What a sweep has found. It is started, stopped and resumed as a job; so is taking one of its models."""

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from galago.studio import sweeps
from galago.studio.studio import Studio

# The picture has its script in it, and its own policy: it may load nothing.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)


def show(request: Request) -> Response:
    """GET /api/sweeps/{id}: the models, and which is recommended; none at first."""
    studio: Studio = request.app.state.studio
    return JSONResponse(sweeps.table(studio, request.path_params["id"]))


def picture(request: Request) -> Response:
    """GET /api/sweeps/{id}/picture: the page that the sweep wrote, for an iframe."""
    studio: Studio = request.app.state.studio
    file = sweeps.page(studio, request.path_params["id"])
    return FileResponse(file, media_type="text/html", headers={"content-security-policy": _POLICY})


routes = [
    Route("/api/sweeps/{id}", show),
    Route("/api/sweeps/{id}/picture", picture),
]
