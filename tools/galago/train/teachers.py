# SPDX-License-Identifier: MIT
"""Soft targets: what larger networks, the teachers, predict for the photos (Hinton et al. 2015).

targets = mix_soft_targets(targets, recipe, photos, progress)               # PhotoRecipe: [n, classes]

soft_targets = SoftTargets(recipe, data)                                    # GroupRecipe
soft_targets.add(views_of_a_photo)
soft_targets.result()                                                       # float16 [n, 1000]
"""

import hashlib
import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from galago import dataset, pictures
from galago.resources import cache_dir
from galago.train import network as networks
from galago.train.photo_cache import PhotoCache
from galago.train.pixels import to_float
from galago.train.progress import Progress
from galago.train.recipe import GroupRecipe, PhotoRecipe, Teacher

View = tuple[np.ndarray, pictures.Resize]
"""Part of a photo, uint8 [h, w, 3], and how it is fitted to a network's input."""

_FOLDS = 5
_INVERSE_PENALTY = 0.1  # C of scikit-learn's LogisticRegression, for features of unit variance
_BATCH = 64


def mix_soft_targets(
    targets: np.ndarray, recipe: PhotoRecipe, photos: PhotoCache, progress: Progress
) -> np.ndarray:
    """Mixes each teacher's predictions into the targets of the training photos, float32 [n, classes].

    They are cached, so that other trainings on the same photos have them at once.
    """
    training = photos.training
    labels = photos.labels[training]
    folds = min(_FOLDS, int(np.bincount(labels).min()))
    if not recipe.teachers or folds < 2:
        return targets
    paths = [photos.paths[i] for i in training]
    files = [[str(path), path.stat().st_size] for path in paths]
    mixed = targets.copy()
    for teacher in recipe.teachers:
        # The last bits depend on the number of threads.
        file = _cache_file([asdict(replace(teacher, weight=0)), recipe.threads, folds, files])
        if not file.is_file():
            _save(file, _cross_predicted(_features(teacher, paths, progress), labels, folds))
        predicted = np.load(file)
        accuracy = np.mean(predicted.argmax(axis=1) == labels)
        name = f"{teacher.architecture} {teacher.alpha:g} at {teacher.input_size}"
        progress.say(f"teacher {name}: {accuracy:.1%} right")
        mixed[training] = (1 - teacher.weight) * mixed[training] + teacher.weight * predicted
    return mixed


def _cross_predicted(features: np.ndarray, labels: np.ndarray, folds: int) -> np.ndarray:
    """Returns probabilities of the classes, [n, classes], by logistic regression on features [n, c].

    Each photo is predicted by a regression that was fitted to the others (cross-validation): on photos that a
    teacher has learned, its predictions would say nothing beyond the labels.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    model = make_pipeline(StandardScaler(), LogisticRegression(C=_INVERSE_PENALTY, max_iter=500))
    split = StratifiedKFold(folds, shuffle=True, random_state=0)
    with threadpool_limits(1):  # as a worker of Ray has it, so that a trial's recipe repeats it
        return np.asarray(cross_val_predict(model, features, labels, cv=split, method="predict_proba"))


def _features(teacher: Teacher, paths: list[Path], progress: Progress) -> np.ndarray:
    """Returns the teacher's mean features of the photos, float32 [n, c]."""
    size = teacher.input_size
    body = networks.body(teacher.architecture, teacher.alpha, size, teacher.pretrained_size)
    progress.begin("running a teacher", len(paths))
    features, batch = [], []
    for _, rgb in dataset.read(paths, progress.say):
        batch.append(pictures.resize(rgb, size, size))
        progress.advance()
        if len(batch) == _BATCH:
            features.append(body.predict_on_batch(to_float(np.stack(batch))))
            batch.clear()
    if batch:
        features.append(body.predict_on_batch(to_float(np.stack(batch))))
    return np.concatenate(features)


class SoftTargets:
    """The teachers' weighted mean predictions of ImageNet's classes for views of photos.

    They are computed once and cached under a digest of the teachers, the photos and the rules by which views
    are made of them; the student's size does not matter.
    """

    def __init__(self, recipe: GroupRecipe, data: Path) -> None:
        rules = {
            "teachers": [asdict(teacher) for teacher in recipe.teachers],
            "photos": [
                [source.folder, source.crops, _file_digest(data / source.folder)] for source in recipe.photos
            ],
            "rules": [recipe.seed, recipe.validation, recipe.crop, list(recipe.classes.items())],
        }
        self._file = _cache_file(rules)
        self._cached = np.load(self._file) if self._file.is_file() else None
        self._teachers = recipe.teachers
        self._networks = None
        if self._cached is None:
            self._networks = [
                networks.imagenet_classifier(t.architecture, t.alpha, t.pretrained_size, t.input_size)
                for t in recipe.teachers
            ]
        self._waiting: list[dict[int, np.ndarray]] = []
        self._predictions: list[np.ndarray] = []

    def add(self, views: list[View]) -> None:
        """Predicts the next views; does nothing if the predictions are cached or there are no teachers."""
        if not self._networks:
            return
        sizes = {teacher.input_size for teacher in self._teachers}
        self._waiting += [{n: pictures.resize(part, n, n, 3, how) for n in sizes} for part, how in views]
        if len(self._waiting) >= _BATCH:
            self._flush()

    def result(self) -> np.ndarray:
        """Returns the predictions for all views in their order, float16 [n, 1000], and caches them."""
        if self._cached is None:
            self._flush()
            self._cached = np.concatenate(self._predictions)
            _save(self._file, self._cached)
        return self._cached

    def _flush(self) -> None:
        if not self._waiting or self._networks is None:
            return
        total = sum(teacher.weight for teacher in self._teachers)
        mean = 0.0
        for teacher, network in zip(self._teachers, self._networks, strict=True):
            pixels = np.stack([view[teacher.input_size] for view in self._waiting])
            mean = mean + teacher.weight / total * network.predict_on_batch(to_float(pixels))
        self._predictions.append(np.asarray(mean, np.float16))
        self._waiting.clear()


def _cache_file(rules: Any) -> Path:
    """Returns where the predictions or features that follow from these rules are kept."""
    digest = hashlib.sha256(json.dumps(rules).encode()).hexdigest()[:16]
    return cache_dir() / "teachers" / f"{digest}.npy"


def _save(file: Path, array: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(f".{os.getpid()}.npy")
    np.save(part, array)
    part.rename(file)


def _file_digest(folder: Path) -> str:
    """Returns a digest of the names and sizes of all files below a folder."""
    files = sorted((str(p.relative_to(folder)), p.stat().st_size) for p in folder.rglob("*") if p.is_file())
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()
