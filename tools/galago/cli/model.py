# SPDX-License-Identifier: MIT
"""Models on the command line: how every verb finds the one that the user names, and describes a new one.

model = open_model("everyday-v1-025-96")        # shipped
model = open_model("imagenet-v1-025-128")       # from the zoo, built when it is first used
model = open_model("path/to/directory")
model = open_model("trained.tflite")            # any file that `galago import` takes, imported on the fly
print(describe(model))
"""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from galago.errors import GalagoError

if TYPE_CHECKING:
    from galago.importer import Imported
    from galago.models import ModelDirectory

DEFAULT_MODEL = "everyday-v1-025-96"
MODEL_HELP = "A shipped model, a zoo model (`galago zoo`), a model directory, or a file for `galago import`."

_UNFINISHED = ".training"  # the folder of galago.train.pipeline
_ZOO = "imagenet-"  # how the names of all zoo models start


def open_model(name: str | Path) -> "ModelDirectory":
    """The verified model directory that the user names.

    Raises GalagoError model.* if there is no such model or it is broken. Building a zoo model raises
    train.weights if its weights are neither on disk nor can be downloaded, and config.missing without the
    extra `train`. A file of another program raises what `galago import` raises.
    """
    from galago import models

    if str(name).startswith(_ZOO) and not Path(name).is_dir():
        return _open_zoo_model(str(name))
    path = Path(name)
    if (path / _UNFINISHED).is_dir() and not (path / models.CONTRACT).is_file():
        raise GalagoError(
            "model.missing", f"{path}: its training has not ended: `galago train` with -o {path} continues it"
        )
    if path.is_file() or (path.is_dir() and not (path / models.CONTRACT).is_file()):
        return _import(path)
    return models.find(name)


def describe(model: "ModelDirectory") -> str:
    """One line on a model that was just built: where it is, its classes, size, MACs and arena."""
    contract = model.contract
    return (
        f"{model.path}: {len(model.labels)} classes, {contract['files']['tflite']['bytes']:,} bytes, "
        f"{contract['macs']:,} MACs, arena {contract['arena_bytes']:,} bytes"
    )


def show_import(done: "Imported", err: bool = False) -> None:
    """Prints how a model was read, in aligned lines; on stderr where stdout is for other results."""
    width = max(len(title) for title in done.facts)
    for title, text in done.facts.items():
        typer.echo(f"{title:<{width}}  {text}", err=err)


def _import(path: Path) -> "ModelDirectory":
    """The model directory in Galago's cache of a file that was imported before, or that is imported now."""
    from galago import importer
    from galago.cli.output import Console
    from galago.models import ModelDirectory
    from galago.resources import require_cache

    out = importer.cache_path(path)
    if (out / "model.json").is_file():
        return ModelDirectory.open(out)
    require_cache()
    with Console(stderr=True).status(f"{path}: importing"):
        done = importer.import_model(path, out, warn=lambda text: typer.echo(text, err=True))
    show_import(done, err=True)
    return done.model


def _open_zoo_model(name: str) -> "ModelDirectory":
    from galago import zoo
    from galago.cli.output import Console

    with Console(stderr=True).status(f"{name}: building, once") as status:
        new = not zoo.cache_path(name).is_dir()
        model = zoo.find(name, lambda text: status.update(text))
    if new:
        typer.echo(f"{name}: {zoo.STANDARD}", err=True)
    return model
