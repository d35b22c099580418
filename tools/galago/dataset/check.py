# SPDX-License-Identifier: MIT
"""Checks a folder of photos before training: broken files, near-duplicates, test photos that are trained on.

result = check_folder(folder, test=None)
result.counts, result.broken, result.duplicates, result.leaks
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from galago.dataset.duplicates import fingerprint, near_duplicates
from galago.dataset.photos import Photos, from_subfolders, ignored_files, read
from galago.dataset.sharpness import BLURRED, sharpness


@dataclass(frozen=True)
class FolderCheck:
    """What `check_folder` found. Each pair is a photo and the first one that it is a near-duplicate of."""

    counts: dict[str, int]
    """Number of readable photos of each class."""
    sides: np.ndarray
    """Shorter side of each readable photo in pixels, int64 [n]."""
    broken: list[str]
    """A line for each unreadable photo."""
    duplicates: list[tuple[Path, Path]]
    """Near-duplicates within a class."""
    contradictions: list[tuple[Path, Path]]
    """Near-duplicates in two classes."""
    blurred: list[Path]
    """Photos without a sharp edge."""
    ignored: list[str]
    """A line for each folder with files that are no pictures."""
    leaks: list[tuple[Path, Path]]
    """Test photos that are near-duplicates of training photos; the training photo comes first."""

    @property
    def problems(self) -> int:
        """How many problems spoil a training or its figures; blur and duplicates within a class do not."""
        empty = sum(not count for count in self.counts.values())
        single = len(self.counts) < 2
        return len(self.broken) + len(self.contradictions) + len(self.leaks) + empty + single


def check_folder(
    folder: Path, test: Path | None = None, tick: Callable[[], None] = lambda: None
) -> FolderCheck:
    """Reads all photos of a folder with one sub-folder per class, and those of a test folder.

    Calls `tick` after each readable photo. Raises dataset.missing, .empty and .layout.
    """
    training = from_subfolders(folder)
    counts = dict.fromkeys(training.names, 0)
    broken: list[str] = []
    paths, labels, fingerprints, sides, sharp = _read(training, broken, tick)
    for label in labels:
        counts[training.names[label]] += 1
    own = len(paths)
    if test is not None:
        more = _read(from_subfolders(test), broken, tick)
        paths, fingerprints = paths + more[0], fingerprints + more[2]
    group = near_duplicates(np.array(fingerprints)) if fingerprints else np.zeros(0, int)
    duplicates, contradictions, leaks = [], [], []
    for index, first in enumerate(group):
        pair = (paths[first], paths[index])
        if index >= own > first:
            leaks.append(pair)
        elif first < index < own:
            (duplicates if labels[first] == labels[index] else contradictions).append(pair)
    others = [(each, ignored_files(each)) for each in (folder, test) if each]
    ignored = [f"{each}: {text}" for each, text in others if text]
    blurred = [path for path, value in zip(paths, sharp, strict=False) if value < BLURRED]
    return FolderCheck(counts, np.array(sides), broken, duplicates, contradictions, blurred, ignored, leaks)


def _read(
    photos: Photos, broken: list[str], tick: Callable[[], None]
) -> tuple[list[Path], list[int], list[np.ndarray], list[int], list[float]]:
    paths, labels, fingerprints, sides, sharp = [], [], [], [], []
    for position, rgb in read(photos.paths, lambda text: broken.append(text.removeprefix("skipped: "))):
        paths.append(photos.paths[position])
        labels.append(int(photos.labels[position]))
        fingerprints.append(fingerprint(rgb))
        sides.append(min(rgb.shape[:2]))
        sharp.append(sharpness(rgb))
        tick()
    return paths, labels, fingerprints, sides, sharp
