# SPDX-License-Identifier: MIT
"""What a student sees: views of photos, what teachers say of them, and random batches of both.

views, owners, kept = make_views(recipe, data, group, progress)
network.fit(batches(views, stage, [seed, epoch]))
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from galago import dataset, lazy_tensorflow, pictures
from galago.errors import GalagoError
from galago.resources import cache_dir
from galago.train import network as networks
from galago.train.progress import Progress
from galago.train.recipe import GroupRecipe, Source, Stage
from galago.train.result import Kept

_TEACH = 64  # pictures that the teachers are asked about at a time


@dataclass(frozen=True)
class Views:
    """Pictures for the student, and what is known of them.

    `pixels` are uint8 [n, size, size, 3], `targets` what the teachers say, float16 [n, 1000], `chances` how
    often each is drawn [n], `kinds` the number of a sub-folder's kind, int64 [n], -1 for ImageNet's photos.
    """

    pixels: np.ndarray
    targets: np.ndarray
    chances: np.ndarray
    kinds: np.ndarray


def make_views(
    recipe: GroupRecipe, data: Path, group: np.ndarray, progress: Progress
) -> tuple[Views, np.ndarray, Kept, np.ndarray]:
    """Views of all photos with what the teachers say of them, and the class of each kind, int64 [kinds].

    The photos kept for validation are not among them: their views follow, with their classes, and
    whether ImageNet knows what they show, bool [m].
    """
    teaching = Teaching(recipe, data)
    student: list[np.ndarray] = []
    chances: list[float] = []
    kinds: list[int] = []
    owners: list[int] = []
    check: list[np.ndarray] = []
    check_labels: list[int] = []
    check_paths: list[Path] = []
    check_known: list[bool] = []
    names = list(recipe.classes)
    for number, source in enumerate(recipe.photos):
        photos, labels, kind = _photos(source, data, group, names)
        owners_before = len(owners)
        owners += [int(labels[0])] * (int(kind.max()) + 1)
        aside = dataset.split(labels, recipe.validation, recipe.seed)
        often = np.where(labels >= 0, source.inside, 1.0)
        often /= often.sum()
        progress.say(f"{source.folder}: {len(photos)} photos, {aside.sum()} for validation")
        progress.begin("teachers look at photos", len(photos))
        for position, rgb in dataset.read(photos, progress.say):
            progress.advance()
            random = np.random.default_rng([recipe.seed, number, position])
            crops = [dataset.random_crop(rgb, recipe.crop, random) for _ in range(source.crops)]
            seen: list[tuple[np.ndarray, pictures.Resize]] = [
                (rgb, "crop"),
                (rgb, "stretch"),
                *((crop, "stretch") for crop in crops),
            ]
            fitted = [pictures.resize(part, recipe.size, recipe.size, 3, how) for part, how in seen]
            if aside[position]:
                check += fitted
                check_labels += [int(labels[position])] * len(fitted)
                check_paths += [photos[position]] * len(fitted)
                check_known += [kind[position] < 0] * len(fitted)
                continue
            student += fitted
            chances += [source.share * float(often[position])] * len(fitted)
            kinds += [int(kind[position]) + owners_before if kind[position] >= 0 else -1] * len(fitted)
            teaching.ask(seen)
    weights = np.array(chances) / sum(chances)
    # Without teachers there is nothing to learn from views: the head alone is made of them.
    targets = teaching.answers() if recipe.teachers else np.zeros((len(student), 0), np.float16)
    views = Views(np.stack(student), targets, weights, np.array(kinds))
    return (
        views,
        np.array(owners, int),
        Kept(check_paths, np.stack(check), np.array(check_labels)),
        np.array(check_known),
    )


class Teaching:
    """What the teachers together say of views: asked once, kept in the cache, whatever the student's size.

    The cache knows the teachers, the photos and the rules by which views are made of them.
    """

    def __init__(self, recipe: GroupRecipe, data: Path) -> None:
        rules = {
            "teachers": [asdict(teacher) for teacher in recipe.teachers],
            "photos": [
                [source.folder, source.crops, _stamp(data / source.folder)] for source in recipe.photos
            ],
            "rules": [recipe.seed, recipe.validation, recipe.crop, list(recipe.classes.items())],
        }
        digest = hashlib.sha256(json.dumps(rules).encode()).hexdigest()[:16]
        self._file = cache_dir() / "teachers" / f"{digest}.npy"
        self._known = np.load(self._file) if self._file.is_file() else None
        self._teachers = recipe.teachers
        self._networks = None
        if self._known is None:
            self._networks = [
                networks.imagenet_classifier(t.architecture, t.alpha, t.trained, t.asked)
                for t in recipe.teachers
            ]
        self._waiting: list[dict[int, np.ndarray]] = []
        self._said: list[np.ndarray] = []

    def ask(self, seen: list[tuple[np.ndarray, pictures.Resize]]) -> None:
        """Shows the teachers parts of a photo, uint8 [h, w, 3], each with how it is fitted to their size."""
        if not self._networks:
            return
        sizes = {teacher.asked for teacher in self._teachers}
        self._waiting += [{n: pictures.resize(part, n, n, 3, how) for n in sizes} for part, how in seen]
        if len(self._waiting) >= _TEACH:
            self._flush()

    def answers(self) -> np.ndarray:
        """What they say of everything shown, float16 [n, 1000]."""
        if self._known is None:
            self._flush()
            self._known = np.concatenate(self._said)
            self._file.parent.mkdir(parents=True, exist_ok=True)
            part = self._file.with_suffix(f".{os.getpid()}.npy")
            np.save(part, self._known)
            part.rename(self._file)
        return self._known

    def _flush(self) -> None:
        if not self._waiting or self._networks is None:
            return
        total = sum(teacher.weight for teacher in self._teachers)
        answers = 0.0
        for teacher, network in zip(self._teachers, self._networks, strict=True):
            pixels = np.stack([view[teacher.asked] for view in self._waiting])
            answers = answers + teacher.weight / total * network.predict_on_batch(to_float(pixels))
        self._said.append(np.asarray(answers, np.float16))
        self._waiting.clear()


def _stamp(folder: Path) -> str:
    """Which files a folder holds, by name and size."""
    files = sorted((str(p.relative_to(folder)), p.stat().st_size) for p in folder.rglob("*") if p.is_file())
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()


def _photos(
    source: Source, data: Path, group: np.ndarray, names: list[str]
) -> tuple[list[Path], np.ndarray, np.ndarray]:
    """Paths, classes and kinds (from 0, or -1) of a source's photos."""
    folder = data / source.folder
    if source.labels == "imagenet":
        photos = dataset.listed(folder)
        return photos.paths, group[photos.labels], np.full(len(photos), -1)
    if source.labels not in names:
        raise GalagoError("config.invalid", f"{folder}: labels {source.labels!r} is no class of the recipe")
    photos = dataset.folders(folder)
    return photos.paths, np.full(len(photos), names.index(source.labels)), photos.labels


def to_float(pixels: np.ndarray) -> np.ndarray:
    """What networks take: (pixel - 128) / 128 in float32."""
    return (pixels.astype(np.float32) - 128) / 128


def adjust(pixels: np.ndarray, random: np.random.Generator, strength: float) -> np.ndarray:
    """Pictures uint8 [n, h, w, 3] as another camera might see them: float32 (pixel - 128) / 128.

    Half are mirrored. `strength` bounds the relative change of brightness, contrast and saturation, and twice
    that of each colour's gain.
    """
    count = len(pixels)

    def factor(*shape: int) -> np.ndarray:
        return random.uniform(1 - strength, 1 + strength, (count, *shape)).astype(np.float32)

    x = pixels.astype(np.float32)
    mirrored = random.random(count) < 0.5
    x[mirrored] = x[mirrored, :, ::-1]
    grey = x.mean(axis=3, keepdims=True)
    x = grey + (x - grey) * factor(1, 1, 1)
    mean = x.mean(axis=(1, 2, 3), keepdims=True)
    x = mean * factor(1, 1, 1) + (x - mean) * factor(1, 1, 1)
    x *= 1 + (factor(1, 1, 3) - 1) / 2
    return (np.clip(x, 0, 255) - 128) / 128


def batches(views: Views, stage: Stage, seed: list[int]) -> Any:
    """A keras PyDataset of random batches: views drawn by chance, adjusted, and mixed in pairs (mixup)."""
    keras = lazy_tensorflow.keras()

    class Batches(keras.utils.PyDataset):
        def __len__(self) -> int:
            return stage.steps

        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            random = np.random.default_rng([*seed, index])
            drawn = random.choice(len(views.pixels), stage.batch, p=views.chances)
            x = adjust(views.pixels[drawn], random, stage.colour)
            y = views.targets[drawn].astype(np.float32)
            if stage.mixup:
                share = random.beta(stage.mixup, stage.mixup, stage.batch).astype(np.float32)
                partner = random.permutation(stage.batch)
                x = x * share[:, None, None, None] + x[partner] * (1 - share[:, None, None, None])
                y = y * share[:, None] + y[partner] * (1 - share[:, None])
            return x, y

    return Batches()
