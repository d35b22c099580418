# SPDX-License-Identifier: MIT
"""Models on the command line: how every verb finds the one that the user names, and describes a new one.

model = open_model("everyday-v1-025-96")        # shipped
model = open_model("imagenet-v1-025-128")       # from the zoo, built when it is first used
model = open_model("path/to/directory")
print(describe(model))
"""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from galago.models import ModelDirectory

DEFAULT_MODEL = "everyday-v1-025-96"
MODEL_HELP = "A shipped model, a zoo model (`galago zoo` lists them), or a model directory."

_ZOO = "imagenet-"  # how the names of all zoo models start


def open_model(name: str | Path) -> "ModelDirectory":
    """The verified model directory that the user names.

    Raises GalagoError model.* if there is no such model or it is broken. Building a zoo model raises
    train.weights if its weights are neither on disk nor can be downloaded, and config.missing without the
    extra `train`.
    """
    from galago import models

    if str(name).startswith(_ZOO) and not Path(name).is_dir():
        return _open_zoo_model(str(name))
    return models.find(name)


def describe(model: "ModelDirectory") -> str:
    """One line on a model that was just built: where it is, its classes, size, MACs and arena."""
    contract = model.contract
    return (
        f"{model.path}: {len(model.labels)} classes, {contract['files']['tflite']['bytes']:,} bytes, "
        f"{contract['macs']:,} MACs, arena {contract['arena_bytes']:,} bytes"
    )


def _open_zoo_model(name: str) -> "ModelDirectory":
    from galago import zoo
    from galago.cli.output import Console

    with Console(stderr=True).status(f"{name}: building, once") as status:
        new = not zoo.cache_path(name).is_dir()
        model = zoo.find(name, lambda text: status.update(text))
    if new:
        typer.echo(f"{name}: {zoo.STANDARD}", err=True)
    return model
