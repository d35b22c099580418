# SPDX-License-Identifier: MIT
"""What a folder of photos holds, and what is wrong with it, before anything is trained on it.

found = examine(folder, test=None)
found.counts, found.broken, found.duplicates, found.leaks
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from galago.dataset.duplicates import fingerprint, near_duplicates
from galago.dataset.photos import Photos, folders, read


@dataclass(frozen=True)
class Found:
    """What `examine` found. Pairs are of near-duplicates, each with the one that comes first."""

    counts: dict[str, int]
    """Readable photos of each class."""
    sides: np.ndarray
    """Shorter side of each readable photo, in pixels [n]."""
    broken: list[str]
    duplicates: list[tuple[Path, Path]]
    """Within one class."""
    contradictions: list[tuple[Path, Path]]
    """Of two classes."""
    leaks: list[tuple[Path, Path]]
    """A training and a test photo."""

    @property
    def problems(self) -> int:
        """How many things spoil a training or its figures; duplicates in one class do not."""
        empty = sum(not count for count in self.counts.values())
        single = len(self.counts) < 2
        return len(self.broken) + len(self.contradictions) + len(self.leaks) + empty + single


def examine(folder: Path, test: Path | None = None, tick: Callable[[], None] = lambda: None) -> Found:
    """Reads all photos of a folder with one sub-folder per class, and those of a test folder beside it.

    Raises dataset.missing, .empty and .layout.
    """
    training = folders(folder)
    counts = dict.fromkeys(training.names, 0)
    broken: list[str] = []
    paths, labels, prints, sides = _read(training, broken, tick)
    for label in labels:
        counts[training.names[label]] += 1
    own = len(paths)
    if test is not None:
        more = _read(folders(test), broken, tick)
        paths, prints = paths + more[0], prints + more[2]
    group = near_duplicates(np.array(prints)) if prints else np.zeros(0, int)
    duplicates, contradictions, leaks = [], [], []
    for index, first in enumerate(group):
        pair = (paths[first], paths[index])
        if index >= own > first:
            leaks.append(pair)
        elif first < index < own:
            (duplicates if labels[first] == labels[index] else contradictions).append(pair)
    return Found(counts, np.array(sides), broken, duplicates, contradictions, leaks)


def _read(
    photos: Photos, broken: list[str], tick: Callable[[], None]
) -> tuple[list[Path], list[int], list[np.ndarray], list[int]]:
    paths, labels, prints, sides = [], [], [], []
    for position, rgb in read(photos.paths, lambda text: broken.append(text.removeprefix("skipped: "))):
        paths.append(photos.paths[position])
        labels.append(int(photos.labels[position]))
        prints.append(fingerprint(rgb))
        sides.append(min(rgb.shape[:2]))
        tick()
    return paths, labels, prints, sides
