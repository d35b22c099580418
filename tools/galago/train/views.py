# SPDX-License-Identifier: MIT
"""Views of photos with soft targets, on which a GroupRecipe trains, and random batches of them.

prepared = prepare_views(recipe, data, groups, progress)
network.fit(batches(prepared.views, stage, [seed, epoch]))
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from galago import dataset, lazy_tensorflow, pictures
from galago.errors import GalagoError
from galago.train.pixels import jitter, mixup
from galago.train.progress import Progress
from galago.train.recipe import GroupRecipe, GroupStage, Source
from galago.train.result import Validation
from galago.train.teachers import SoftTargets, View


@dataclass(frozen=True)
class Views:
    """Training pictures with their targets."""

    pixels: np.ndarray
    """uint8 [n, size, size, 3]."""
    targets: np.ndarray
    """Probabilities of ImageNet's classes, float16 [n, 1000]; [n, 0] without teachers."""
    probabilities: np.ndarray
    """How often each view is drawn, float64 [n], sum 1."""
    kinds: np.ndarray
    """The kind (a sub-folder of a class that ImageNet may not know), int64 [n], -1 for ImageNet's photos."""


@dataclass(frozen=True)
class PreparedViews:
    """The views of all photos of a recipe."""

    views: Views
    kind_classes: np.ndarray
    """The class of each kind, int64 [kinds]."""
    validation: Validation
    """Views of the photos that are not trained on."""
    from_imagenet: np.ndarray
    """Which validation views are of photos with an ImageNet number, bool [m]."""


def prepare_views(recipe: GroupRecipe, data: Path, groups: np.ndarray, progress: Progress) -> PreparedViews:
    """Reads all photos and makes views of them: centre, whole, and random crops.

    `groups` is the class of each ImageNet number, int64 [1000], -1 outside. Raises dataset.*, train.weights,
    config.invalid.
    """
    soft_targets = SoftTargets(recipe, data)
    pixels: list[np.ndarray] = []
    weights: list[float] = []
    kinds: list[int] = []
    kind_classes: list[int] = []
    validation_pixels: list[np.ndarray] = []
    validation_labels: list[int] = []
    validation_paths: list[Path] = []
    from_imagenet: list[bool] = []
    for number, source in enumerate(recipe.photos):
        paths, labels, kind = _photos(source, data, groups, list(recipe.classes))
        first_kind = len(kind_classes)
        kind_classes += [int(labels[0])] * (int(kind.max()) + 1)
        held_out = dataset.split(labels, recipe.validation, recipe.seed)
        weight = np.where(labels >= 0, source.class_weight, 1.0)
        weight /= weight.sum()
        progress.say(f"{source.folder}: {len(paths)} photos, {held_out.sum()} for validation")
        progress.begin("running the teachers", len(paths))
        for position, rgb in dataset.read(paths, progress.say):
            progress.advance()
            views = _views(rgb, recipe.crop, source.crops, [recipe.seed, number, position])
            resized = [pictures.resize(part, recipe.size, recipe.size, 3, how) for part, how in views]
            if held_out[position]:
                validation_pixels += resized
                validation_labels += [int(labels[position])] * len(resized)
                validation_paths += [paths[position]] * len(resized)
                from_imagenet += [kind[position] < 0] * len(resized)
                continue
            pixels += resized
            weights += [source.share * float(weight[position])] * len(resized)
            kinds += [int(kind[position]) + first_kind if kind[position] >= 0 else -1] * len(resized)
            soft_targets.add(views)
    # Without teachers only the head is trained, which needs no targets.
    targets = soft_targets.result() if recipe.teachers else np.zeros((len(pixels), 0), np.float16)
    return PreparedViews(
        Views(np.stack(pixels), targets, np.array(weights) / sum(weights), np.array(kinds)),
        np.array(kind_classes, int),
        Validation(
            "the validation photos",
            validation_paths,
            np.stack(validation_pixels),
            np.array(validation_labels),
        ),
        np.array(from_imagenet),
    )


def _views(rgb: np.ndarray, crop: tuple[float, float], crops: int, seed: list[int]) -> list[View]:
    random = np.random.default_rng(seed)
    parts = [dataset.random_crop(rgb, crop, random) for _ in range(crops)]
    return [(rgb, "crop"), (rgb, "stretch"), *((part, "stretch") for part in parts)]


def _photos(
    source: Source, data: Path, groups: np.ndarray, names: list[str]
) -> tuple[list[Path], np.ndarray, np.ndarray]:
    """Returns the paths, classes int64 [n] and kinds int64 [n] (from 0, or -1) of a source's photos."""
    folder = data / source.folder
    if source.labels == "imagenet":
        photos = dataset.from_labels_file(folder)
        return photos.paths, groups[photos.labels], np.full(len(photos), -1)
    if source.labels not in names:
        raise GalagoError(
            "config.invalid",
            f"{folder}: expected labels to be imagenet or a class of the recipe, got {source.labels!r}: "
            "change it",
        )
    photos = dataset.from_subfolders(folder)
    return photos.paths, np.full(len(photos), names.index(source.labels)), photos.labels


def batches(views: Views, stage: GroupStage, seed: list[int]) -> Any:
    """Returns a keras PyDataset of random batches: views drawn at random, jittered, and mixed in pairs."""
    keras = lazy_tensorflow.keras()

    class Batches(keras.utils.PyDataset):
        def __len__(self) -> int:
            return stage.steps

        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            random = np.random.default_rng([*seed, index])
            drawn = random.choice(len(views.pixels), stage.batch, p=views.probabilities)
            x = jitter(views.pixels[drawn], random, stage.jitter)
            return mixup(x, views.targets[drawn].astype(np.float32), stage.mixup, random)

    return Batches()
