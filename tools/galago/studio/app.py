# SPDX-License-Identifier: MIT
"""The pages and the API as one ASGI application.

application = create(studio)        # behind `security.Guard`
"""

from importlib import resources
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from galago.errors import GalagoError, of_file
from galago.studio.phone import ENTRY
from galago.studio.routes import boards, jobs, models, phone, photos, project, sweeps
from galago.studio.security import status_of
from galago.studio.studio import Studio

_ASK = {"cache-control": "no-cache"}
PAGE = Path(str(resources.files("galago.studio"))) / "page"


def create(studio: Studio) -> Starlette:
    """Returns the application of the page on this computer."""
    routes: list[BaseRoute] = [
        Route("/", _index),
        Mount("/static", _Static(directory=PAGE, check_dir=False)),
    ]
    for module in (project, photos, jobs, sweeps, boards, models, phone):
        routes += module.routes
    return _application(studio, routes)


def create_for_phone(studio: Studio) -> Starlette:
    """Returns the application of a phone."""
    page = Route(ENTRY, lambda request: FileResponse(PAGE / "phone.html", headers=_ASK))
    static = Mount("/static", _Static(directory=PAGE, check_dir=False))
    return _application(studio, [page, static, *phone.phone_routes])


def _application(studio: Studio, routes: list[BaseRoute]) -> Starlette:
    handlers: Any = {GalagoError: _failed, OSError: _disk_failed, HTTPException: _no_such, Exception: _bug}
    application = Starlette(routes=routes, exception_handlers=handlers)
    application.state.studio = studio
    return application


class _Static(StaticFiles):
    """Files of the page, which the browser keeps but asks about: an update shows at once."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """Returns the answer for a file."""
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "no-cache"
        return response


def _index(request: Request) -> Response:
    return FileResponse(PAGE / "index.html", headers=_ASK)


def _failed(request: Request, error: GalagoError) -> Response:
    content = {"error": {"code": error.code, "message": error.message}}
    return JSONResponse(content, status_of(error))


def _disk_failed(request: Request, error: OSError) -> Response:
    return _failed(request, of_file(error))


def _no_such(request: Request, error: HTTPException) -> Response:
    content = {"error": {"code": "studio.request", "message": f"{error.detail}: reload the page"}}
    return JSONResponse(content, error.status_code, error.headers)


def _bug(request: Request, error: Exception) -> Response:
    # The server prints the traceback in its terminal.
    text = f"{type(error).__name__}: a bug of Galago, the terminal shows where: please report it"
    return JSONResponse({"error": {"code": "studio.bug", "message": text}}, 500)
