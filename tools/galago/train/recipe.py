# SPDX-License-Identifier: MIT
"""A recipe.toml: everything that decides what training gives, so that it can be done again.

    recipe = read_recipe("models/flowers-v1-025-96/recipe.toml")
    recipe.photos, recipe.stages[0].epochs

There are two kinds. `PhotoRecipe` trains on a folder with one sub-folder per class; `galago train PHOTOS`
writes the one it used. `GroupRecipe`, which has a table [classes], makes classes of ImageNet's thousand.
"""

import json
import tomllib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from galago import imagenet
from galago.errors import GalagoError

_PLAIN: dict[Any, tuple[type, ...]] = {str: (str,), int: (int,), float: (int, float), bool: (bool,)}


@dataclass(frozen=True)
class Teacher:
    """A MobileNet of keras.applications; its ImageNet weights may be of another size than it is asked at."""

    architecture: str
    alpha: float
    trained: int
    asked: int
    weight: float


@dataclass(frozen=True)
class Augment:
    """How training varies photos, as a small camera would: shares of pixel range, or of pictures."""

    area: tuple[float, float] = (0.35, 1.0)  # of the square that a view shows
    aspect: float = 4 / 3  # most that a view is wider than high, or higher than wide
    mirror: bool = True
    brightness: float = 0.2
    contrast: float = 0.25
    saturation: float = 0.3
    hue: float = 0.04  # of a full turn
    gain: float = 0.08  # of each colour by itself: white balance
    blur: float = 0.3  # of the pictures
    noise: float = 0.02  # at most, of the pixel range
    rgb565: float = 0.3  # of the pictures
    mixup: float = 0.1  # Beta(mixup, mixup) mixes pairs of pictures; 0 for none


@dataclass(frozen=True)
class Fitting:
    """One stage: "head" (the new classes only), "spatial" (depthwise and normalization) or "all" layers."""

    layers: str
    epochs: int
    rate: float
    patience: int = 0  # epochs without a better validation loss that end the stage; 0 for never


@dataclass(frozen=True)
class Tutor:
    """A larger ImageNet network whose new head learns the photos first; the small one learns its answers."""

    architecture: str
    alpha: float
    trained: int  # size of its ImageNet weights
    asked: int  # size of the pictures that it is shown
    weight: float = 0.5  # of its answers beside the labels


@dataclass(frozen=True)
class Tuning:
    """Quantization-aware fine-tuning, where int8 loses too much (galago.train.tuning)."""

    epochs: int = 8  # 0 for none
    steps: int = 60  # of 64 photos, in an epoch
    rate: float = 1e-3  # of int8's steps


@dataclass(frozen=True)
class PhotoRecipe:
    """Training on a folder with one sub-folder per class, from ImageNet weights or from scratch.

    `photos` and `test` are folders below the data folder, or absolute; `test` may be empty. `trained` is the
    size of the ImageNet weights to start from, 0 to start from scratch.
    """

    name: str
    photos: str
    architecture: str
    alpha: float
    size: int
    trained: int
    seed: int = 1
    test: str = ""
    validation: float = 0.15  # of each class's photos
    batch: int = 64
    smoothing: float = 0.1  # of labels
    augment: Augment = field(default_factory=Augment)
    stages: tuple[Fitting, ...] = ()
    tutors: tuple[Tutor, ...] = ()
    tuning: Tuning = field(default_factory=Tuning)
    thumbnails: bool = True  # of mistakes, in the report


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
    """One pass of fitting to teachers.

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
class GroupRecipe:
    """Classes made of ImageNet's. `crop` bounds a random view's share of its photo; `validation` is kept."""

    name: str
    architecture: str
    alpha: float
    size: int
    trained: int  # size of the ImageNet weights to start from, 0 to start from scratch
    seed: int
    validation: float
    crop: tuple[float, float]
    classes: dict[str, list[int | str]]
    photos: tuple[Source, ...]
    head: Head
    calibrate: str
    teachers: tuple[Teacher, ...] = ()
    stages: tuple[Stage, ...] = ()
    tuning: Tuning = field(default_factory=Tuning)
    test: str = ""
    thumbnails: bool = True  # of mistakes, in the report


Recipe = PhotoRecipe | GroupRecipe

_PARTS: dict[str, dict[str, Any]] = {
    "PhotoRecipe": {"stages": Fitting, "tutors": Tutor},
    "GroupRecipe": {"photos": Source, "teachers": Teacher, "stages": Stage},
}
_TABLES: dict[str, dict[str, Any]] = {
    "PhotoRecipe": {"augment": Augment, "tuning": Tuning},
    "GroupRecipe": {"head": Head, "tuning": Tuning},
}


def read_recipe(path: str | Path) -> Recipe:
    """Reads a recipe.toml; `config.missing` or `config.invalid` name what is wrong."""
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise GalagoError("config.missing", f"no recipe {path}: give the path of a recipe.toml") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise GalagoError("config.invalid", f"{path} is not TOML: {error}") from None
    kind = GroupRecipe if "classes" in table else PhotoRecipe
    for key, part in _PARTS[kind.__name__].items():
        if key in table:
            table[key] = tuple(_fill(part, row, f"{path}, {key}") for row in table[key])
    for key, part in _TABLES[kind.__name__].items():
        if key in table:
            table[key] = _fill(part, table[key], f"{path}, {key}")
    recipe = _fill(kind, table, str(path))
    if isinstance(recipe, GroupRecipe):
        imagenet.groups(recipe.classes)
    return recipe


def _fill(kind: Any, table: dict[str, Any], where: str) -> Any:
    known = {each.name: each for each in fields(kind)}
    needed = {name for name in known if not _has_default(known[name])}
    odd = sorted((set(table) - set(known)) | (needed - set(table)))
    if odd:
        raise GalagoError("config.invalid", f"{where}: wanted {', '.join(known)}; see to {', '.join(odd)}")
    for name, value in table.items():
        right = _PLAIN.get(known[name].type)
        if right and (not isinstance(value, right) or (bool not in right and isinstance(value, bool))):
            raise GalagoError(
                "config.invalid", f"{where}: wanted {name} to be a {right[-1].__name__}, got {value!r:.40}"
            )
    return kind(**table)


def _has_default(each: Any) -> bool:
    from dataclasses import MISSING

    return each.default is not MISSING or each.default_factory is not MISSING


def written(recipe: PhotoRecipe) -> str:
    """A recipe as TOML, which `read_recipe` reads as the same."""
    table = asdict(recipe)
    lists = {key: table.pop(key) for key in ("stages", "tutors")}
    tables = {key: table.pop(key) for key in ("augment", "tuning")}
    lines = [f"{key} = {_toml(value)}" for key, value in table.items()]
    for key, row in tables.items():
        lines += ["", f"[{key}]", *(f"{k} = {_toml(v)}" for k, v in row.items())]
    for key, rows in lists.items():
        for row in rows:
            lines += ["", f"[[{key}]]", *(f"{k} = {_toml(v)}" for k, v in row.items())]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)  # strings, numbers and booleans are written alike
