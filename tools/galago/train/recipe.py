# SPDX-License-Identifier: MIT
"""A recipe.toml: everything that decides what training gives, so that it can be done again.

recipe = read_recipe("models/everyday-v1-025-96/recipe.toml")
recipe.classes["cat"], recipe.stages[0].epochs
"""

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from galago import distill
from galago.errors import GalagoError

_PLAIN: dict[Any, tuple[type, ...]] = {str: (str,), int: (int,), float: (int, float)}


@dataclass(frozen=True)
class Source:
    """A folder of photos below the data folder.

    `labels` is "imagenet" (the photos' ImageNet numbers are in labels.txt), or the class that all are of;
    then each sub-folder is a kind of it that ImageNet may not know.
    """

    folder: str
    labels: str
    crops: int  # random views of each photo, beside the centre and the whole
    share: float  # of all that training draws
    inside: float  # how many times as often as others the photos of a class are drawn


@dataclass(frozen=True)
class Stage:
    """One pass of fitting.

    `layers` is "spatial" (depthwise and normalization, which know sizes) or "all"; `classes` is how much the
    probabilities of the recipe's classes weigh beside those of ImageNet's.
    """

    layers: str
    epochs: int
    steps: int
    batch: int
    rate: float
    mixup: float
    colour: float
    classes: float


@dataclass(frozen=True)
class Head:
    """To how many rows the ImageNet head is merged: those of classes that are named, and all outside."""

    rows: dict[str, int]
    outside: int


@dataclass(frozen=True)
class Recipe:
    """A recipe.toml. `crop` bounds a random view's share of its photo, `validation` is kept from training."""

    name: str
    architecture: str
    alpha: float
    size: int
    trained: int
    seed: int
    validation: float
    crop: tuple[float, float]
    classes: dict[str, list[int | str]]
    photos: list[Source]
    teachers: list[distill.Teacher]
    stages: list[Stage]
    head: Head
    calibrate: str


def read_recipe(path: str | Path) -> Recipe:
    """Reads a recipe.toml; `config.missing` or `config.invalid` name what is wrong."""
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise GalagoError("config.missing", f"no recipe {path}: give the path of a recipe.toml") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise GalagoError("config.invalid", f"{path} is not TOML: {error}") from None
    parts = {"photos": Source, "teachers": distill.Teacher, "stages": Stage}
    for key, kind in parts.items():
        table[key] = [_fill(kind, row, f"{path}, {key}") for row in table.get(key, [])]
    table["head"] = _fill(Head, table.get("head", {}), f"{path}, head")
    recipe = _fill(Recipe, table, str(path))
    distill.groups(recipe.classes)
    return recipe


def _fill(kind: Any, table: dict[str, Any], where: str) -> Any:
    wanted = {field.name for field in fields(kind)}
    if set(table) != wanted:
        odd = ", ".join(sorted(set(table) ^ wanted))
        raise GalagoError("config.invalid", f"{where}: wanted {', '.join(sorted(wanted))}; see to {odd}")
    for field in fields(kind):
        value, right = table[field.name], _PLAIN.get(field.type)
        if right is not None and (not isinstance(value, right) or isinstance(value, bool)):
            raise GalagoError(
                "config.invalid",
                f"{where}: wanted {field.name} to be a {right[-1].__name__}, got {value!r:.40}",
            )
    return kind(**table)
