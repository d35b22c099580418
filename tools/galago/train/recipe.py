# SPDX-License-Identifier: MIT
"""A recipe.toml: everything that decides what a training produces, so that it can be repeated.

    recipe = read_recipe("models/flowers-v1-025-96/recipe.toml")
    recipe.photos, recipe.stages[0].epochs

There are two kinds. A `PhotoRecipe` trains on a folder with one sub-folder per class; `galago train PHOTOS`
writes the one it used. A `GroupRecipe`, which has a table [classes], makes classes of ImageNet's thousand.
"""

import json
import tomllib
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from galago import imagenet, special_files
from galago.errors import GalagoError
from galago.train.recipe_limits import expectation

_PLAIN: dict[Any, tuple[type, ...]] = {str: (str,), int: (int,), float: (int, float), bool: (bool,)}


@dataclass(frozen=True)
class Teacher:
    """A larger or sharper-sighted MobileNet, whose predictions are soft targets for the small network.

    In a PhotoRecipe it gets a new head and learns the photos first, and `weight` is the share of its
    predictions in the targets. In a GroupRecipe it predicts ImageNet's classes, and `weight` is relative to
    the other teachers'.
    """

    architecture: str
    alpha: float
    pretrained_size: int  # input size that its ImageNet weights were trained at
    input_size: int  # input size that it is used at
    weight: float = 0.5


@dataclass(frozen=True)
class Augment:
    """How training varies photos, as a small camera would; changes are relative to the pixel range."""

    area: tuple[float, float] = (0.35, 1.0)  # share of the square that a view shows
    aspect: float = 4 / 3  # largest ratio of a view's sides
    mirror: bool = True
    brightness: float = 0.2
    contrast: float = 0.25
    saturation: float = 0.3
    hue: float = 0.04  # of a full turn
    gain: float = 0.08  # of each colour by itself: white balance
    blur: float = 0.3  # share of the pictures that are blurred
    noise: float = 0.02  # largest standard deviation, as a share of the pixel range
    rgb565: float = 0.3  # share of the pictures that are reduced to RGB565
    mixup: float = 0.1  # pairs of pictures are mixed by Beta(mixup, mixup); 0 for none


@dataclass(frozen=True)
class PhotoStage:
    """A stage of a PhotoRecipe. It trains the "head", the "spatial" (depthwise) layers, or "all" layers."""

    layers: str
    epochs: int
    learning_rate: float
    patience: int = 0  # epochs without a lower validation loss that end the stage; 0 for never


@dataclass(frozen=True)
class FineTuning:
    """Quantization-aware fine-tuning where int8 loses too much (galago.train.fine_tuning)."""

    epochs: int = 8  # 0 for none
    steps: int = 60  # per epoch, each of 64 photos
    learning_rate: float = 1e-3  # in int8 steps


@dataclass(frozen=True)
class PhotoRecipe:
    """Training on a folder with one sub-folder per class, from ImageNet weights or from scratch.

    `photos`, `start` and `test` are folders below the data folder, or absolute; the last two may be empty.
    `start` may also name a shipped model.
    """

    name: str
    photos: str
    architecture: str
    alpha: float
    size: int
    pretrained_size: int  # input size of the ImageNet weights to start from, 0 to start from scratch
    blocks: int = 0  # depthwise separable convolutions of V1 that are kept, from the input on; 0 for all 13
    seed: int = 1
    start: str = ""  # model whose float.keras to start from instead: its folder, or the name of a shipped one
    test: str = ""
    validation: float = 0.15  # share of each class's photos
    batch: int = 64
    label_smoothing: float = 0.1
    augment: Augment = field(default_factory=Augment)
    stages: tuple[PhotoStage, ...] = ()
    teachers: tuple[Teacher, ...] = ()
    fine_tuning: FineTuning = field(default_factory=FineTuning)
    thumbnails: bool = True  # whether the report shows the photos that were classified wrongly
    threads: int = 0  # that compute one operation, on which the last bits of sums depend; 0 for one per core


@dataclass(frozen=True)
class Source:
    """A folder of photos below the data folder.

    `labels` is "imagenet" (labels.txt has the photos' ImageNet numbers), or the class that all photos belong
    to; then each sub-folder is a kind of that class, which ImageNet may not know.
    """

    folder: str
    labels: str
    crops: int  # random views of each photo, in addition to the centre and the whole
    share: float  # of all views that training draws
    class_weight: float  # how much more often photos of a class are drawn than others


@dataclass(frozen=True)
class GroupStage:
    """A stage of a GroupRecipe. It fits the "spatial" (depthwise) or "all" layers to soft targets."""

    layers: str
    epochs: int
    steps: int
    batch: int
    learning_rate: float
    mixup: float  # as in Augment
    jitter: float  # strength of colour jitter, as in galago.train.pixels
    class_loss: float  # weight of the loss of the recipe's classes; that of ImageNet's classes weighs 1


@dataclass(frozen=True)
class Head:
    """How many rows of the ImageNet head remain after merging: of the classes named, and of all outside."""

    rows: dict[str, int]
    outside: int


@dataclass(frozen=True)
class GroupRecipe:
    """Training of classes that are groups of ImageNet's; folders are below the data folder."""

    name: str
    architecture: str
    alpha: float
    size: int
    pretrained_size: int  # input size of the ImageNet weights to start from, 0 to start from scratch
    seed: int
    validation: float  # share of each class's photos
    crop: tuple[float, float]  # share of a photo that a random view shows
    classes: dict[str, list[int | str]]
    photos: tuple[Source, ...]
    head: Head
    calibrate: str  # folder of calibration photos
    teachers: tuple[Teacher, ...] = ()
    stages: tuple[GroupStage, ...] = ()
    blocks: int = 0  # as in a PhotoRecipe
    fine_tuning: FineTuning = field(default_factory=FineTuning)
    test: str = ""
    thumbnails: bool = True  # whether the report shows the photos that were classified wrongly


Recipe = PhotoRecipe | GroupRecipe

_LISTS: dict[str, dict[str, Any]] = {
    "PhotoRecipe": {"stages": PhotoStage, "teachers": Teacher},
    "GroupRecipe": {"photos": Source, "teachers": Teacher, "stages": GroupStage},
}
_TABLES: dict[str, dict[str, Any]] = {
    "PhotoRecipe": {"augment": Augment, "fine_tuning": FineTuning},
    "GroupRecipe": {"head": Head, "fine_tuning": FineTuning},
}


def read_recipe(path: str | Path) -> Recipe:
    """Reads a recipe.toml. Raises config.missing, or config.invalid, which names what is wrong."""
    path = Path(path)
    special_files.refuse(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise GalagoError("config.missing", f"no recipe {path}: pass the path of a recipe.toml") from None
    except OSError as error:
        raise GalagoError("config.missing", f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # not TOML, not UTF-8, or a number of 5,000 digits
        raise GalagoError("config.invalid", f"{path} is not TOML: {error}") from None
    kind = GroupRecipe if "classes" in table else PhotoRecipe
    for key, part in _LISTS[kind.__name__].items():
        if key in table:
            rows = table[key] if isinstance(table[key], list) else [table[key]]
            table[key] = tuple(_fill(part, row, f"{path}, {key}") for row in rows)
    for key, part in _TABLES[kind.__name__].items():
        if key in table:
            table[key] = _fill(part, table[key], f"{path}, {key}")
    recipe = _fill(kind, table, str(path))
    if isinstance(recipe, GroupRecipe):
        imagenet.groups(recipe.classes)
    elif not recipe.stages:
        raise GalagoError("config.invalid", f"{path}: expected one stage or more, got none: add [[stages]]")
    return recipe


def _fill(kind: Any, table: Any, place: str) -> Any:
    """Makes a dataclass of a TOML table. Raises config.invalid for unknown, missing or mistyped keys."""
    if not isinstance(table, dict):
        raise GalagoError(
            "config.invalid", f"{place}: expected a table with keys, got {table!r:.40}: correct it"
        )
    known = {each.name: each for each in fields(kind)}
    required = {name for name in known if not _has_default(known[name])}
    unknown, missing = sorted(set(table) - set(known)), sorted(required - set(table))
    if unknown or missing:
        problems = [f"unknown: {', '.join(unknown):.100}"] * bool(unknown)
        problems += [f"missing: {', '.join(missing)}"] * bool(missing)
        raise GalagoError(
            "config.invalid",
            f"{place}: expected the keys {', '.join(known)}; {'; '.join(problems)}",
        )
    for name, value in table.items():
        types = _PLAIN.get(known[name].type)
        if types and (not isinstance(value, types) or (bool not in types and isinstance(value, bool))):
            raise GalagoError(
                "config.invalid",
                f"{place}: expected {name} to be of type {types[-1].__name__}, got {value!r:.40}: correct it",
            )
        if expected := expectation(name, value):
            raise GalagoError(
                "config.invalid", f"{place}: expected {name} to be {expected}, got {value!r:.40}: correct it"
            )
    return kind(**table)


def _has_default(each: Any) -> bool:
    return each.default is not MISSING or each.default_factory is not MISSING


def to_toml(recipe: PhotoRecipe) -> str:
    """Returns a recipe as the text of a recipe.toml that `read_recipe` reads as the same recipe."""
    table = asdict(recipe)
    lists = {key: table.pop(key) for key in _LISTS["PhotoRecipe"]}
    tables = {key: table.pop(key) for key in _TABLES["PhotoRecipe"]}
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
    return json.dumps(value, ensure_ascii=False)  # strings, numbers and booleans look the same in TOML
