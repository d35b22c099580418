# SPDX-License-Identifier: MIT
"""galago export: a model in, one file for the browser out."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from galago.cli.model import DEFAULT_MODEL, MODEL_HELP, open_model
from galago.errors import GalagoError


def export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=MODEL_HELP)] = DEFAULT_MODEL,
    to: Annotated[
        str, typer.Option("--to", help="web: a page for people; js: a module for pages of your own.")
    ] = "web",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="The file to write; else MODEL.html or .js."),
    ] = None,
) -> None:
    """Export a model as one file that runs in any browser, offline, and computes a board's bytes.

    The page takes pictures from the camera, files, drops and the clipboard, and shows what each layer sees.
    """
    from galago.web import export as web

    if to not in ("web", "js"):
        raise GalagoError("config.invalid", f"expected --to web or js, got {to}")
    directory = open_model(model)
    path = out or Path(f"{directory.name}.{'html' if to == 'web' else 'js'}")
    if path.is_dir():
        raise GalagoError("config.invalid", f"expected -o FILE, got the folder {path}: name a file in it")
    text = web.page(directory) if to == "web" else web.script(directory)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    typer.echo(f"{path}: {len(text.encode()):,} bytes", err=True)
    if to == "js":
        types = path.with_suffix(".d.ts")
        types.write_text(web.TYPES, encoding="utf-8")
        typer.echo(f"{types}: its types", err=True)
    else:
        sys.stderr.write("open it in a browser; send it to a phone as a file, or put it on any web server\n")
