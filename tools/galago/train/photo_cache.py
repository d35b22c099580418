# SPDX-License-Identifier: MIT
"""The photos of a folder, read once: in the size of the input, and as larger squares that training crops.

    photos = read_photos(folder, recipe, work=out / ".training", progress=progress)
    photos.inputs[photos.validation]        # uint8 [n, 96, 96, 3]
    photos.squares[i, k]                    # uint8 [side, side, 3], k = 0, 1, 2: both ends and the middle

Both are in files, from which each batch is read, so that a large folder needs disk space but little memory:
189 KB for a photo and an input of 96 x 96.
"""

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from galago import dataset, pictures
from galago.errors import GalagoError
from galago.train.progress import Progress
from galago.train.recipe import PhotoRecipe

SQUARES = 3
_SQUARE_SIDE = 1.4  # in sides of the input, so that parts of a square are still sharp
_INPUTS, _SQUARES = "inputs.u8", "squares.u8"


@dataclass(frozen=True)
class PhotoCache:
    """The readable photos of a folder."""

    paths: list[Path]
    names: list[str]
    """The classes."""
    labels: np.ndarray
    """The number of each photo's class in `names`, int64 [n]."""
    folder: Path
    """Where the pixels are."""
    size: int
    """Side of the input in pixels."""
    side: int
    """Side of the squares in pixels."""
    validation: np.ndarray
    """Which photos are for validation, bool [n]."""
    groups: np.ndarray
    """Equal numbers for near-duplicates, int64 [n]."""
    skipped: list[str]
    """A line for each unreadable photo."""

    # Files are mapped anew for each use, so that few pages of them stay in memory.

    @property
    def inputs(self) -> np.ndarray:
        """The photos as a board sees them, uint8 [n, size, size, 3]."""
        return np.memmap(self.folder / _INPUTS, np.uint8, "r", shape=(len(self.labels), *_square(self.size)))

    @property
    def squares(self) -> np.ndarray:
        """The photos as squares, uint8 [n, 3, side, side, 3]."""
        shape = (len(self.labels), SQUARES, *_square(self.side))
        return np.memmap(self.folder / _SQUARES, np.uint8, "r", shape=shape)

    @property
    def training(self) -> np.ndarray:
        """The positions of the training photos, int64 [m]."""
        return np.flatnonzero(~self.validation)


def read_photos(folder: Path, recipe: PhotoRecipe, work: Path, progress: Progress) -> PhotoCache:
    """Reads all photos of a folder with one sub-folder per class; unreadable ones are named and skipped.

    Raises dataset.missing, .empty, .layout, .classes, and disk.full if `work` has no room for the pixels.
    """
    photos = dataset.from_subfolders(folder)
    side = round(recipe.size * _SQUARE_SIDE)
    fingerprints, positions, skipped = [], [], []

    def warn(text: str) -> None:
        skipped.append(text)
        progress.say(text)

    if ignored := dataset.ignored_files(folder):
        progress.say(f"{folder}: {ignored}")
    each = math.prod(_square(recipe.size)) + SQUARES * math.prod(_square(side))
    size = f"{len(photos) * each / 1e6:.0f} MB"
    progress.begin(f"reading {len(photos)} photos ({size} of disk until training ends)", len(photos))
    try:
        work.mkdir(parents=True, exist_ok=True)
        with (work / _INPUTS).open("wb") as inputs, (work / _SQUARES).open("wb") as squares:
            for position, rgb in dataset.read(photos.paths, warn):
                inputs.write(pictures.resize(rgb, recipe.size, recipe.size).tobytes())
                squares.write(_squares(rgb, side).tobytes())
                fingerprints.append(dataset.fingerprint(rgb))
                positions.append(position)
                progress.advance()
    except OSError as error:
        raise GalagoError(
            "disk.full",
            f"{work}: {error.strerror}: training keeps {size} there, free some space or choose another -o",
        ) from None
    readable = photos.where(np.array(positions, int))
    _check_classes(folder, readable, progress)
    groups = dataset.near_duplicates(np.array(fingerprints))
    validation = dataset.split_groups(readable.labels, groups, recipe.validation, recipe.seed)
    _warn_of_alike(readable, groups, validation, progress)
    return PhotoCache(
        paths=readable.paths,
        names=photos.names,
        labels=readable.labels,
        folder=work,
        size=recipe.size,
        side=side,
        validation=validation,
        groups=groups,
        skipped=skipped,
    )


def _warn_of_alike(
    photos: dataset.Photos, groups: np.ndarray, validation: np.ndarray, progress: Progress
) -> None:
    """Says what the validation is worth where its photos look like those that are trained on."""
    alike = dataset.split_alike(photos.labels, groups, validation)
    if alike:
        names = ", ".join(photos.names[label] for label in alike)
        progress.say(
            f"all photos of {names} look alike, as frames of a fixed camera do: the last ones by name are "
            "for validation, whose accuracy says nothing about other places and days; measure with --test"
        )


def _square(side: int) -> tuple[int, int, int]:
    """Returns the shape of a square picture."""
    return side, side, 3


def _squares(rgb: np.ndarray, side: int) -> np.ndarray:
    """Returns both ends and the middle of a picture as squares, uint8 [3, side, side, 3]."""
    height, width = rgb.shape[:2]
    short = min(height, width)
    image = Image.fromarray(rgb)
    parts = []
    for share in (0.0, 0.5, 1.0):
        left, top = round((width - short) * share), round((height - short) * share)
        box = (left, top, left + short, top + short)
        parts.append(np.asarray(image.resize((side, side), Image.Resampling.BILINEAR, box)))
    return np.stack(parts)


def _check_classes(folder: Path, photos: dataset.Photos, progress: Progress) -> None:
    """Raises dataset.classes unless there are two classes or more, each with a photo."""
    names = photos.names
    if len(names) < 2:
        raise GalagoError(
            "dataset.classes",
            f"{folder}: expected two sub-folders or more, got one class ({names[0]}): "
            "add one for everything else, such as `other`",
        )
    counts = np.bincount(photos.labels, minlength=len(names))
    for name, count in zip(names, counts, strict=True):
        if not count:
            raise GalagoError(
                "dataset.classes", f"{folder / name}: no readable picture: add some, or remove the folder"
            )
        if count < 10:
            progress.say(f"{name}: only {count} photos: expect low accuracy, 50 are a good start")


def training_key(photos: PhotoCache, recipe: str) -> str:
    """Returns a digest of the recipe's text, and of the photos' names and content: it identifies a training.

    The folder does not count: a sweep may continue a training on another computer.
    """
    digest = hashlib.sha256(json.dumps([recipe, [p.name for p in photos.paths]]).encode())
    digest.update(photos.inputs.ravel().data)  # the mapped file: tobytes() would copy it
    return digest.hexdigest()
