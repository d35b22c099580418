# SPDX-License-Identifier: MIT
"""Training on a folder of photos: an ImageNet network gets a new head, then all of it is fitted.

    trained = transfer(recipe, data, work=out / ".training", progress=progress)

1. The head alone, on features that are computed once: an untrained head would spoil the rest.
2. All layers, slowly, on augmented photos. BatchNormalization follows the photos where there are enough of
   them for statistics, and keeps ImageNet's where not.
Classes with few photos are drawn more often. Tutors, if any, learn the photos first and say what they see.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np

from galago import lazy_tensorflow
from galago.train import network as networks
from galago.train.augment import augmenter
from galago.train.checkpoint import Checkpoint
from galago.train.loop import Course, Loop
from galago.train.photo_cache import Album, key_of, read_album
from galago.train.progress import Progress
from galago.train.recipe import Fitting, PhotoRecipe, written
from galago.train.result import Kept, Trained, calibrated, log_loss, softmax
from galago.train.teachers import soften
from galago.train.views import to_float

_MOST = 4.0  # times as often as others a photo of a rare class is drawn
_HEAD_VIEWS = 4  # augmented views of each photo for the head


def transfer(recipe: PhotoRecipe, data: Path, work: Path, progress: Progress) -> Trained:
    """Trains as the recipe says; the photos lie below `data`, the checkpoint in `work`."""
    tensorflow, keras = lazy_tensorflow.tensorflow(), lazy_tensorflow.keras()
    keras.utils.set_random_seed(recipe.seed)
    tensorflow.config.experimental.enable_op_determinism()
    album = read_album(data / recipe.photos, recipe.size, recipe.validation, recipe.seed, work, progress)
    training = np.flatnonzero(~album.kept)
    progress.say(
        f"{len(album.labels)} photos in {len(album.names)} classes, {len(training)} to train on, "
        f"{album.kept.sum()} to validate; {_pairs(album)} near-duplicates kept together"
    )
    body = networks.body(recipe.architecture, recipe.alpha, recipe.size, recipe.trained)
    network = networks.classifier(body, len(album.names))
    targets = soften(_targets(recipe, album), recipe.tutors, album, training, progress)
    seeds = keras.random.SeedGenerator(recipe.seed)
    picture = keras.Input((*album.squares.shape[2:4], 3))
    augment = augmenter(recipe.augment, recipe.size, seeds)
    learner = keras.Model(picture, network(augment(picture)))

    # Where no class has a photo to spare, training photos have to do.
    checked = np.flatnonzero(album.kept) if album.kept.any() else training
    kept = Kept([album.paths[i] for i in checked], album.exact[checked], album.labels[checked])

    def judge() -> dict[str, float]:
        return judged(network.predict(to_float(kept.pixels), batch_size=128, verbose=0), kept.labels)

    checkpoint = Checkpoint(work, key_of(album, written(recipe)), progress.say)
    courses = []
    for number, stage in enumerate(recipe.stages):
        if stage.layers == "head":
            if checkpoint.load() is None:
                _fit_head(body, network, stage, album, targets, augment, recipe)
                progress.say(f"head: validation accuracy {judge()['accuracy']:.1%}")
            continue
        courses.append(_course(recipe, number, stage, learner, network, album, targets, seeds))
    history = Loop(network, judge, checkpoint, progress).run(courses)
    ended, temperature, threshold, before = calibrated(network, kept)
    pixels = album.exact[training]
    return Trained(ended, album.names, threshold, temperature, kept, pixels, before, history, album.skipped)


def judged(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Loss and accuracy of logits [n, classes]."""
    return {
        "loss": log_loss(softmax(logits), labels),
        "accuracy": float((logits.argmax(axis=1) == labels).mean()),
    }


def _course(
    recipe: PhotoRecipe,
    number: int,
    stage: Fitting,
    learner: Any,
    network: Any,
    album: Album,
    targets: np.ndarray,
    seeds: Any,
) -> Course:
    keras = lazy_tensorflow.keras()
    training = np.flatnonzero(~album.kept)
    steps = max(1, math.ceil(len(training) / recipe.batch))
    chances = balanced(album.labels[training])

    class Batches(keras.utils.PyDataset):
        """An epoch: photos drawn by chance, a square of each, and what they are; some pairs mixed."""

        def __init__(self, epoch: int) -> None:
            super().__init__()
            self.epoch = epoch

        def __len__(self) -> int:
            return steps

        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            random = np.random.default_rng([recipe.seed, number, self.epoch, index])
            drawn = random.choice(training, min(recipe.batch, max(8, len(training))), p=chances)
            x = album.squares[drawn, random.integers(0, 3, len(drawn))].astype(np.float32)
            y = targets[drawn]
            if recipe.augment.mixup:
                share = random.beta(recipe.augment.mixup, recipe.augment.mixup, len(drawn)).astype(np.float32)
                partner = random.permutation(len(drawn))
                x = x * share[:, None, None, None] + x[partner] * (1 - share[:, None, None, None])
                y = y * share[:, None] + y[partner] * (1 - share[:, None])
            return x, y

    def batches(epoch: int) -> Any:
        seeds.state.assign(np.array([recipe.seed * 1000 + number, epoch * 1_000_000], np.uint32))
        return Batches(epoch)

    enough = len(training) >= networks.ENOUGH * recipe.batch
    return Course(
        stage.layers,
        learner,
        keras.losses.CategoricalCrossentropy(from_logits=True),
        batches,
        lambda: networks.train_only(network, stage.layers, enough or not recipe.trained),
        stage.epochs,
        steps,
        stage.rate,
        stage.patience,
    )


def balanced(labels: np.ndarray) -> np.ndarray:
    """How likely each photo is drawn, float [n], sum 1: every class alike, but for very rare ones."""
    counts = np.bincount(labels)
    often = np.minimum(counts.max() / np.maximum(counts, 1), _MOST)[labels]
    return often / often.sum()


def _fit_head(
    body: Any,
    network: Any,
    stage: Fitting,
    album: Album,
    targets: np.ndarray,
    augment: Any,
    recipe: PhotoRecipe,
) -> None:
    """Fits the head alone, to the features of the photos as they are and of augmented views."""
    keras = lazy_tensorflow.keras()
    training = np.flatnonzero(~album.kept)
    features = [body.predict(to_float(album.exact[training]), batch_size=128, verbose=0)]
    for view in range(_HEAD_VIEWS):
        parts = []
        for start in range(0, len(training), 128):
            squares = album.squares[training[start : start + 128], view % 3].astype(np.float32)
            parts.append(body.predict_on_batch(augment(squares)))
        features.append(np.concatenate(parts))
    x, y = np.concatenate(features), np.tile(targets[training], (len(features), 1))
    weights = np.tile(balanced(album.labels[training]) * len(training), len(features))
    head = network.get_layer("classes")
    inputs = keras.Input(x.shape[1:])
    logits = keras.layers.Dense(y.shape[1])
    model = keras.Model(inputs, logits(inputs))
    steps = stage.epochs * math.ceil(len(x) / 256)
    model.compile(
        keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(stage.rate, steps), weight_decay=1e-3),
        keras.losses.CategoricalCrossentropy(from_logits=True),
    )
    model.fit(x, y, sample_weight=weights, batch_size=256, epochs=stage.epochs, verbose=0)
    head.set_weights(logits.get_weights())


def _targets(recipe: PhotoRecipe, album: Album) -> np.ndarray:
    """What the network shall say of each photo, float32 [n, classes]: smoothed labels."""
    classes = len(album.names)
    smooth = np.full((len(album.labels), classes), recipe.smoothing / classes, np.float32)
    smooth[np.arange(len(smooth)), album.labels] += 1 - recipe.smoothing
    return smooth


def _pairs(album: Album) -> int:
    return len(album.groups) - len(np.unique(album.groups))
