# SPDX-License-Identifier: MIT
"""Projects to start from: photos that are on this computer already.

rows()                      # those whose photos exist
start(studio, "views")      # copies them into an empty project
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from galago import dataset, resources
from galago.dataset import standard_photos
from galago.errors import GalagoError
from galago.studio.ingest import read_upright
from galago.train.recipe import PhotoRecipe, read_recipe

if TYPE_CHECKING:
    from galago.studio.studio import Studio

_VIEWS = 30  # random parts of a photo
_PART = (0.25, 0.9)  # share of the area that a part shows
_MOST = 150  # photos of a class
_SCENES = {"chelsea": "cat", "coffee": "coffee", "motorcycle_left": "motorcycle", "rocket": "rocket"}
_Photos = Iterator[tuple[str, np.ndarray]]
"""Classes and pixels."""


def rows() -> list[dict[str, Any]]:
    """Returns what a page shows of each example."""
    found = []
    if _standard():
        found.append(
            {
                "id": "views",
                "title": "Four things",
                "text": "views of a cat, a coffee, a motorcycle and a rocket, cut from four photos",
                "photos": _VIEWS * len(_SCENES),
            }
        )
    for name, folder in _recipes().items():
        count = len(dataset.from_subfolders(folder))
        text = f"the photos that the shipped model {name} was trained on"
        found.append({"id": name, "title": name.split("-")[0].capitalize(), "text": text, "photos": count})
    return found


def start(studio: "Studio", example: str) -> int:
    """Copies an example's photos; returns how many. Raises studio.missing, studio.busy."""
    if studio.project.photos:
        raise GalagoError("studio.busy", "this project has photos: start a new one, galago studio NEW")
    sources: dict[str, Callable[[], _Photos]] = {"views": _views} if _standard() else {}
    for name, folder in _recipes().items():
        sources[name] = lambda folder=folder: _of_folder(folder)
    if example not in sources:
        raise GalagoError("studio.missing", "no such example on this computer: reload the page")
    groups = {row["name"]: row["id"] for row in studio.project.summary()}
    count = 0
    for name, rgb in sources[example]():
        if name not in groups:
            groups[name] = studio.project.add_class(name)
        studio.project.add_photo(groups[name], rgb)
        count += 1
    studio.project.touched(set(groups.values()))
    return count


def _standard() -> list[Path]:
    """Returns the standard photos that are classes here; none without their packages."""
    try:
        return [path for path in standard_photos.paths() if path.stem in _SCENES]
    except GalagoError:
        return []


def _views() -> _Photos:
    for number, path in enumerate(_standard()):
        random = np.random.default_rng(number)
        rgb = read_upright(path)
        for _ in range(_VIEWS):
            yield _SCENES[path.stem], np.ascontiguousarray(dataset.random_crop(rgb, _PART, random))


def _recipes() -> dict[str, Path]:
    """Returns the folders of photos of shipped recipes below GALAGO_DATA, by the model's name."""
    data = os.environ.get("GALAGO_DATA")
    found = {}
    for path in sorted(resources.models_dir().glob("*/recipe.toml")) if data else ():
        recipe = read_recipe(path)
        if isinstance(recipe, PhotoRecipe) and (folder := Path(str(data)) / recipe.photos).is_dir():
            found[path.parent.name] = folder
    return found


def _of_folder(folder: Path) -> _Photos:
    photos = dataset.from_subfolders(folder)
    for label, name in enumerate(photos.names):
        own = photos.where(photos.labels == label)
        for _, rgb in dataset.read(own.paths[:_MOST], lambda text: None):
            yield name, rgb
