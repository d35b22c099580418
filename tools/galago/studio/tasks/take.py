# SPDX-License-Identifier: MIT
"""Puts a model of a sweep among the project's: a copy, measured on the photos that were held out then."""

import shutil
from pathlib import Path
from typing import Any

from galago.models import ModelDirectory
from galago.studio.models import publish
from galago.studio.reporter import Reporter
from galago.studio.tasks.train import keep_recipe, measured
from galago.train import PhotoRecipe, read_recipe


def run(order: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Copies and measures. Returns {model: id}."""
    out = Path(order["folder"]) / "model"
    shutil.copytree(order["source"], out)
    recipe = read_recipe(out / "recipe.toml")
    if isinstance(recipe, PhotoRecipe):  # that of every trial is
        keep_recipe(recipe, order["project"], out)
    measured(order, ModelDirectory.open(out), reporter, quick=False)
    return {"model": publish(out, Path(order["models"]), order["model"])}
