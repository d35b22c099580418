# SPDX-License-Identifier: MIT
"""What a student sees: views of photos, what teachers say of them, and random batches of both.

views, owners, check, labels = make_views(recipe, data, group, say)
network.fit(batches(views, stage, seed))
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from galago import dataset, distill, pictures, quiet
from galago.errors import GalagoError
from galago.train.recipe import Recipe, Source, Stage

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
    recipe: Recipe, data: Path, group: np.ndarray, say: Callable[[str], None]
) -> tuple[Views, np.ndarray, np.ndarray, np.ndarray]:
    """Views of all photos with what the teachers say of them, and the class of each kind, int64 [kinds].

    The photos kept for validation are not among them: their views follow, uint8 [m, size, size, 3], with
    their classes, int64 [m], -1 outside.
    """
    networks = [(teacher, teacher.network()) for teacher in recipe.teachers]
    student: list[np.ndarray] = []
    targets: list[np.ndarray] = []
    chances: list[float] = []
    kinds: list[int] = []
    owners: list[int] = []
    check: list[np.ndarray] = []
    check_labels: list[int] = []
    names = list(recipe.classes)
    for number, source in enumerate(recipe.photos):
        photos, labels, kind = _photos(source, data, group, names)
        owners_before = len(owners)
        owners += [int(labels[0])] * (int(kind.max()) + 1)
        kept = dataset.split(labels, recipe.validation, recipe.seed)
        often = np.where(labels >= 0, source.inside, 1.0)
        often /= often.sum()
        waiting: list[dict[int, np.ndarray]] = []
        say(f"{source.folder}: {len(photos)} photos, {kept.sum()} for validation")
        for position, rgb in dataset.read(photos, say):
            random = np.random.default_rng([recipe.seed, number, position])
            crops = [dataset.random_crop(rgb, recipe.crop, random) for _ in range(source.crops)]
            seen: list[tuple[np.ndarray, pictures.Fit]] = [
                (rgb, "crop"),
                (rgb, "stretch"),
                *((crop, "stretch") for crop in crops),
            ]
            fitted = [pictures.fit(part, recipe.size, recipe.size, 3, how) for part, how in seen]
            if kept[position]:
                check += fitted
                check_labels += [int(labels[position])] * len(fitted)
                continue
            student += fitted
            chances += [source.share * float(often[position])] * len(fitted)
            kinds += [int(kind[position]) + owners_before if kind[position] >= 0 else -1] * len(fitted)
            waiting += [
                {size: pictures.fit(part, size, size, 3, how) for size in {t.asked for t in recipe.teachers}}
                for part, how in seen
            ]
            if len(waiting) >= _TEACH:
                targets.append(_ask(networks, waiting))
                waiting.clear()
        if waiting:
            targets.append(_ask(networks, waiting))
    weights = np.array(chances) / sum(chances)
    views = Views(np.stack(student), np.concatenate(targets), weights, np.array(kinds))
    return views, np.array(owners, int), np.stack(check), np.array(check_labels)


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


def _ask(networks: list[tuple[distill.Teacher, Any]], waiting: list[dict[int, np.ndarray]]) -> np.ndarray:
    """What the teachers together say, float16 [n, 1000], of views that hold pixels of each size asked."""
    total = sum(teacher.weight for teacher, _ in networks)
    answers = 0.0
    for teacher, network in networks:
        pixels = np.stack([view[teacher.asked] for view in waiting])
        answers = answers + teacher.weight / total * network.predict_on_batch(to_float(pixels))
    return np.asarray(answers, np.float16)


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


def batches(views: Views, stage: Stage, seed: int) -> Any:
    """A keras PyDataset of random batches: views drawn by chance, adjusted, and mixed in pairs (mixup)."""
    keras = quiet.keras()

    class Batches(keras.utils.PyDataset):
        epoch = 0

        def __len__(self) -> int:
            return stage.steps

        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            random = np.random.default_rng([seed, self.epoch, index])
            drawn = random.choice(len(views.pixels), stage.batch, p=views.chances)
            x = adjust(views.pixels[drawn], random, stage.colour)
            y = views.targets[drawn].astype(np.float32)
            if stage.mixup:
                share = random.beta(stage.mixup, stage.mixup, stage.batch).astype(np.float32)
                partner = random.permutation(stage.batch)
                x = x * share[:, None, None, None] + x[partner] * (1 - share[:, None, None, None])
                y = y * share[:, None] + y[partner] * (1 - share[:, None])
            return x, y

        def on_epoch_end(self) -> None:
            self.epoch += 1

    return Batches()
