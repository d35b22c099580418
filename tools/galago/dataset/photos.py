# SPDX-License-Identifier: MIT
"""Lists the photos of a folder with their classes, and reads them one by one.

    photos = from_subfolders("photos")
    for position, rgb in read(photos.paths, warn=print):
        photos.names[photos.labels[position]]

A picture that cannot be read is named and skipped, never fatal.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from galago import pictures
from galago.errors import GalagoError

_SPLITS = {"train", "training", "val", "valid", "validation", "test", "testing"}
_FOREIGN = {"__MACOSX", "@eaDir"}  # what macOS puts into archives, and Synology beside photos


@dataclass(frozen=True)
class Photos:
    """Photo files with their classes."""

    paths: list[Path]
    labels: np.ndarray
    """The number of each photo's class, int64 [n]."""
    names: list[str]
    """The names of the classes, empty if unknown."""

    def __len__(self) -> int:
        return len(self.paths)

    def where(self, chosen: np.ndarray) -> "Photos":
        """Returns the photos at the positions of an int array, or where a mask bool [n] is true."""
        positions = np.arange(len(self))[chosen]
        return Photos([self.paths[i] for i in positions], self.labels[positions], self.names)


def picture_files(folder: str | Path) -> list[Path]:
    """Returns all picture files below a folder, sorted by path; what starts with a dot is not looked at.

    Raises dataset.missing or dataset.empty.
    """
    paths = [path for path in _files(Path(folder)) if path.suffix.lower() in pictures.SUFFIXES]
    if not paths:
        raise GalagoError(
            "dataset.empty",
            f"{folder}: no file ends in {', '.join(sorted(pictures.SUFFIXES))}: pass a folder of photos",
        )
    return paths


def ignored_files(folder: str | Path) -> str:
    """Returns how many files below a folder are no pictures, by suffix, in words; empty if there are none."""
    others = [path for path in _files(Path(folder)) if path.suffix.lower() not in pictures.SUFFIXES]
    counts = Counter(path.suffix.lower() or path.name for path in others)
    kinds = ", ".join(f"{count} {suffix}" for suffix, count in counts.most_common(8))
    return f"{len(others)} files are not pictures and are ignored: {kinds}" if others else ""


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise GalagoError("dataset.missing", f"no folder {folder}: pass a folder of photos")
    found = []
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if not any(part.startswith(".") or part in _FOREIGN for part in parts) and path.is_file():
            found.append(path)
    return sorted(found)


def from_subfolders(folder: str | Path) -> Photos:
    """Lists a folder with one sub-folder per class; classes are numbered in the order of their names.

    Sub-folders without pictures are classes too. Raises dataset.missing, dataset.empty or dataset.layout.
    """
    paths = [p for p in picture_files(folder) if p.parent != Path(folder)]
    names = sorted({p.relative_to(folder).parts[0] for p in paths})
    if not names:
        raise GalagoError(
            "dataset.layout",
            f"{folder}: expected one sub-folder per class, got pictures without sub-folders: create them",
        )
    _check_layout(Path(folder), names)
    names = sorted({*names, *_empty(Path(folder), names)})
    number = {name: i for i, name in enumerate(names)}
    return Photos(paths, np.array([number[p.relative_to(folder).parts[0]] for p in paths]), names)


def _empty(folder: Path, names: list[str]) -> list[str]:
    """Returns the sub-folders without any picture, so that training can name them as empty classes."""
    return [
        p.name
        for p in folder.iterdir()
        if p.is_dir() and p.name not in {*names, *_FOREIGN} and p.name[0] != "."
    ]


def _check_layout(folder: Path, names: list[str]) -> None:
    """Raises dataset.layout for the folders of a split, train/CLASS and val/CLASS, in place of classes."""
    splits = [name for name in names if name.lower() in _SPLITS]
    if len(splits) < 2 or len(splits) < len(names):
        return
    if all(any(p.is_dir() for p in (folder / name).iterdir()) for name in splits):
        training = next((name for name in splits if name.lower().startswith("train")), splits[0])
        other = next(name for name in splits if name != training)
        raise GalagoError(
            "dataset.layout",
            f"{folder} holds the parts {', '.join(splits)}, not one sub-folder per class: pass "
            f"{folder / training}, and {folder / other} as --test",
        )


def from_labels_file(folder: str | Path) -> Photos:
    """Lists a folder by its `labels.txt` of lines `FILE NUMBER`, in that order.

    Raises dataset.missing or dataset.layout.
    """
    index = Path(folder) / "labels.txt"
    if not index.is_file():
        raise GalagoError("dataset.missing", f"no {index}: create it with lines of the form FILE NUMBER")
    paths, labels = [], []
    for number, line in enumerate(index.read_text(encoding="utf-8").splitlines(), 1):
        name, _, label = line.strip().rpartition(" ")
        if not name or not label.isdigit():
            raise GalagoError(
                "dataset.layout",
                f"{index}, line {number}: expected FILE NUMBER, got {line[:60]!r}: correct it",
            )
        paths.append(index.parent / name)
        labels.append(int(label))
    return Photos(paths, np.array(labels), [])


def read(paths: list[Path], warn: Callable[[str], None]) -> Iterator[tuple[int, np.ndarray]]:
    """Yields the position and the pixels, uint8 [height, width, 3], of each readable picture.

    `warn` gets a line for each of the others.
    """
    for position, path in enumerate(paths):
        try:
            yield position, pictures.load(path)
        except GalagoError as error:
            warn(f"skipped: {error}")


def random_crop(rgb: np.ndarray, scale: tuple[float, float], random: np.random.Generator) -> np.ndarray:
    """Returns a view of a random part of a picture, uint8 [h, w, 3], with an aspect from 3:4 to 4:3.

    `scale` bounds the part's share of the area.
    """
    height, width = rgb.shape[:2]
    area = height * width * random.uniform(*scale)
    aspect = np.exp(random.uniform(np.log(3 / 4), np.log(4 / 3)))
    w = min(width, max(1, round(np.sqrt(area * aspect))))
    h = min(height, max(1, round(np.sqrt(area / aspect))))
    y, x = random.integers(height - h + 1), random.integers(width - w + 1)
    return rgb[y : y + h, x : x + w]
