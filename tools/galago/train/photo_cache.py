# SPDX-License-Identifier: MIT
"""The photos of a folder, read once: as the board sees them, and in squares from which training takes parts.

    album = read_album(folder, size=96, validation=0.15, seed=1, work=out / ".training", progress=progress)
    album.exact[album.kept]         # uint8 [n, 96, 96, 3] of the validation photos
    album.squares[i, k]             # uint8 [side, side, 3], k = 0, 1, 2: both ends and the middle

The squares lie in a file that is mapped into memory, so that a large folder needs a large disk only.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from galago import dataset, pictures
from galago.errors import GalagoError
from galago.train.progress import Progress

SQUARES = 3
_LARGER = 1.4  # side of a square in sides of the input, so that parts of it are still sharp


@dataclass(frozen=True)
class Album:
    """Readable photos: `exact` uint8 [n, size, size, 3] and `squares` uint8 [n, 3, side, side, 3] of them.

    `labels` int64 [n] number `names`; `kept` bool [n] are for validation; `skipped` says what was wrong.
    """

    paths: list[Path]
    names: list[str]
    labels: np.ndarray
    exact: np.ndarray
    squares: np.ndarray
    kept: np.ndarray
    groups: np.ndarray
    skipped: list[str]


def read_album(
    folder: Path, size: int, validation: float, seed: int, work: Path, progress: Progress
) -> Album:
    """Reads all photos of a folder with one sub-folder per class.

    One that cannot be read is named and skipped. Raises dataset.missing, .empty, .layout, .classes, and
    `disk.full` where `work` has no room for the squares.
    """
    photos = dataset.folders(folder)
    side = round(size * _LARGER)
    exact, prints, places, skipped = [], [], [], []

    def warn(text: str) -> None:
        skipped.append(text)
        progress.say(text)

    progress.begin("reading photos", len(photos))
    squares = work / "squares.u8"
    try:
        work.mkdir(parents=True, exist_ok=True)
        with squares.open("wb") as file:
            for position, rgb in dataset.read(photos.paths, warn):
                exact.append(pictures.resize(rgb, size, size))
                prints.append(dataset.fingerprint(rgb))
                places.append(position)
                file.write(_squares(rgb, side).tobytes())
                progress.advance()
    except OSError as error:
        raise GalagoError(
            "disk.full", f"{squares}: {error.strerror}: free some space, or give another -o"
        ) from None
    chosen = photos.where(np.array(places, int))
    _check_classes(folder, chosen, progress)
    groups = dataset.near_duplicates(np.array(prints))
    kept = dataset.split_groups(chosen.labels, groups, validation, seed)
    mapped = np.memmap(squares, np.uint8, "r", shape=(len(chosen), SQUARES, side, side, 3))
    return Album(chosen.paths, photos.names, chosen.labels, np.stack(exact), mapped, kept, groups, skipped)


def _squares(rgb: np.ndarray, side: int) -> np.ndarray:
    """Both ends and the middle of a picture, uint8 [3, side, side, 3]."""
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
    """Every class needs a photo, and there must be two classes."""
    names = photos.names
    if len(names) < 2:
        raise GalagoError(
            "dataset.classes",
            f"{folder}: one class only ({names[0]}): wanted two sub-folders or more; "
            "add one for everything else, such as `other`",
        )
    counts = np.bincount(photos.labels, minlength=len(names))
    for name, count in zip(names, counts, strict=True):
        if not count:
            raise GalagoError(
                "dataset.classes", f"{folder / name}: no readable picture: add some, or remove the folder"
            )
        if count < 10:
            progress.say(f"{name}: {count} photos only: expect little of it, 50 are a good start")


def key_of(album: Album, recipe: str) -> str:
    """A digest of the recipe and of the photos' content: the same training has the same key."""
    digest = hashlib.sha256(json.dumps([recipe, [str(p) for p in album.paths]]).encode())
    digest.update(album.exact.tobytes())
    return digest.hexdigest()
