# SPDX-License-Identifier: MIT
"""Folders of pictures and their classes, read one by one.

A picture that cannot be read is named and skipped, never fatal.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from galago import pictures
from galago.errors import GalagoError

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".webp"}


@dataclass(frozen=True)
class Photos:
    """Files with their classes: `labels` is int64 [n], `names` what each number means (empty if unknown)."""

    paths: list[Path]
    labels: np.ndarray
    names: list[str]

    def __len__(self) -> int:
        return len(self.paths)

    def where(self, chosen: np.ndarray) -> "Photos":
        """The photos at the given positions, or where a mask of bool [n] is true."""
        positions = np.arange(len(self))[chosen]
        return Photos([self.paths[i] for i in positions], self.labels[positions], self.names)


def found(folder: str | Path) -> list[Path]:
    """All pictures below a folder, sorted by path. Raises dataset.missing, dataset.empty."""
    folder = Path(folder)
    if not folder.is_dir():
        raise GalagoError("dataset.missing", f"no folder {folder}: give a folder of photos")
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not paths:
        raise GalagoError(
            "dataset.empty", f"{folder}: no picture of {', '.join(sorted(SUFFIXES))}: give a folder of photos"
        )
    return paths


def folders(folder: str | Path) -> Photos:
    """A folder with one sub-folder per class; classes are numbered in the order of their names."""
    paths = [p for p in found(folder) if p.parent != Path(folder)]
    names = sorted({p.relative_to(folder).parts[0] for p in paths})
    if not names:
        raise GalagoError("dataset.layout", f"{folder}: pictures but no sub-folders: make one per class")
    names = sorted({*names, *_bare(Path(folder), names)})
    number = {name: i for i, name in enumerate(names)}
    return Photos(paths, np.array([number[p.relative_to(folder).parts[0]] for p in paths]), names)


def _bare(folder: Path, names: list[str]) -> list[str]:
    """Sub-folders without any picture: classes all the same, which whoever needs photos of them will name."""
    return [p.name for p in folder.iterdir() if p.is_dir() and p.name not in names and p.name[0] != "."]


def listed(folder: str | Path) -> Photos:
    """A folder with a `labels.txt` of lines `FILE NUMBER`, in the order of the list."""
    index = Path(folder) / "labels.txt"
    if not index.is_file():
        raise GalagoError("dataset.missing", f"no {index}: wanted lines of FILE NUMBER")
    paths, labels = [], []
    for number, line in enumerate(index.read_text().splitlines(), 1):
        name, _, label = line.strip().rpartition(" ")
        if not name or not label.isdigit():
            raise GalagoError(
                "dataset.layout", f"{index}, line {number}: wanted FILE NUMBER, got {line[:60]!r}"
            )
        paths.append(index.parent / name)
        labels.append(int(label))
    return Photos(paths, np.array(labels), [])


def read(paths: list[Path], warn: Callable[[str], None]) -> Iterator[tuple[int, np.ndarray]]:
    """Position and uint8 [height, width, 3] of each readable picture; `warn` gets a line for each other."""
    for position, path in enumerate(paths):
        try:
            yield position, pictures.load(path)
        except GalagoError as error:
            warn(f"skipped: {error}")


def random_crop(rgb: np.ndarray, scale: tuple[float, float], random: np.random.Generator) -> np.ndarray:
    """A random part of a picture, not copied: `scale` bounds its area, its aspect is 3:4 to 4:3."""
    height, width = rgb.shape[:2]
    area = height * width * random.uniform(*scale)
    aspect = np.exp(random.uniform(np.log(3 / 4), np.log(4 / 3)))
    w = min(width, max(1, round(np.sqrt(area * aspect))))
    h = min(height, max(1, round(np.sqrt(area / aspect))))
    y, x = random.integers(height - h + 1), random.integers(width - w + 1)
    return rgb[y : y + h, x : x + w]
