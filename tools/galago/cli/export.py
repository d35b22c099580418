# SPDX-License-Identifier: MIT
"""galago export: a model in, a page, an app or a module for the browser out."""

from pathlib import Path
from typing import Annotated

import typer

from galago.cli.model import DEFAULT_MODEL, MODEL_HELP, open_model
from galago.errors import GalagoError

_ENDINGS = {"web": ".html", "web-app": "-app", "js": ".js"}
_NEXT = {
    "web": "open it in a browser; send it to a phone as a file, or put it on any web server",
    "web-app": "put the folder on a web server with https; to try it here: python -m http.server -d {}",
    "js": 'in a page or program of your own: import {{ load }} from "./{}"',
}


def export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=MODEL_HELP)] = DEFAULT_MODEL,
    to: Annotated[
        str,
        typer.Option(
            metavar="web|web-app|js",
            help="web: a page for people; web-app: a folder with a page that can be installed; js: a "
            "module for pages of your own.",
        ),
    ] = "web",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE|DIR",
            help="What to write.  [default: MODEL.html, MODEL-app or MODEL.js]",
        ),
    ] = None,
) -> None:
    """Export a model for any browser, where it runs offline and computes a board's bytes.

    The page is one file. It takes pictures from the camera, files, drops and the clipboard, and shows what
    each layer sees. As an app it is a folder for a web server, from which phones and computers install it.
    """
    if to not in _ENDINGS:
        raise GalagoError("config.invalid", f"expected --to web, web-app or js, got {to}")
    directory = open_model(model)
    path = out or Path(f"{directory.name}{_ENDINGS[to]}")
    if to != "web-app" and path.is_dir():
        raise GalagoError("config.invalid", f"expected -o FILE, got the folder {path}: name a file in it")
    if to == "web-app" and path.exists() and not path.is_dir():
        raise GalagoError("config.invalid", f"expected -o DIR, got the file {path}: name a folder")
    from galago.web import app
    from galago.web import export as web

    if to == "web":
        files = {path: web.page(directory).encode()}
    elif to == "web-app":
        files = {path / name: content for name, content in app.files(directory).items()}
    else:
        files = {path: web.script(directory).encode(), path.with_suffix(".d.ts"): web.TYPES.encode()}
    for file, content in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        typer.echo(f"{file}: {len(content):,} bytes", err=True)
    typer.echo(_NEXT[to].format(path if to == "web-app" else path.name), err=True)
