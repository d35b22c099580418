# SPDX-License-Identifier: MIT
"""galago studio: the whole round in a browser window of this computer."""

import importlib.util
import sys
from pathlib import Path
from typing import Annotated

import typer

from galago.errors import GalagoError


def studio(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="The project: a folder with one sub-folder of photos per class."),
    ] = Path("studio"),
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="The port to listen on; 0 for any.  [default: 8765, or any]"),
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the browser.")] = True,
    phone: Annotated[
        bool,
        typer.Option(
            "--phone", help="Let phones in your network add photos and try the model, by a QR code."
        ),
    ] = False,
    phone_https: Annotated[
        bool,
        typer.Option(
            "--phone-https",
            help="The same by https, which phones need for a live camera; they ask once whether to go on.",
        ),
    ] = False,
) -> None:
    """Collect photos, train, try and flash in a browser window, served by this computer alone.

    The folder is created if there is none; it is the same that `galago train` takes. Jobs go on when the
    window is closed, and when the command is started again. Stop with Ctrl-C.
    Needs the extra `studio`; in a clone: pip install -e '.[studio]'.
    """
    from galago.resources import install_command

    missing = [name for name in ("starlette", "uvicorn", "segno") if importlib.util.find_spec(name) is None]
    if missing:
        raise GalagoError(
            "config.missing", f"galago studio needs {', '.join(missing)}: {install_command('studio')}"
        )
    from galago.studio.server import ServeOptions, serve
    from galago.studio.studio import Studio

    if folder.exists() and not folder.is_dir():
        raise GalagoError("usage", f"{folder} is a file: pass the folder of the project")
    folder.mkdir(parents=True, exist_ok=True)

    def ready(address: str) -> None:
        print(address, flush=True)
        print(f"project {folder}; Ctrl-C ends the server, jobs go on", file=sys.stderr)

    serve(Studio(folder), ServeOptions(port, browser, phone or phone_https, phone_https), ready)
