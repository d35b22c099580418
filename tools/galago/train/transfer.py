# SPDX-License-Identifier: MIT
"""Training by a PhotoRecipe: an ImageNet network gets a new head, then all of it is fitted to the photos.

    trained = transfer(recipe, data, work=out / ".training", progress=progress)

1. The head alone, on features that are computed once: an untrained head would spoil the other layers.
2. All layers, with a low learning rate, on augmented photos. BatchNormalization follows the photos where
   there are enough of them for statistics, and keeps ImageNet's where there are not.

A model that was trained before can take the place of the ImageNet network (`recipe.start`). If it
has more blocks than the recipe keeps, its first ones are taken.
Classes with few photos are drawn more often. Teachers, if any, learn the photos first and give soft targets.
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from galago import lazy_tensorflow, models, resources
from galago.tflite.arithmetic import softmax
from galago.train import network as networks
from galago.train.augment import augmenter
from galago.train.checkpoint import Checkpoint
from galago.train.confidence import calibrate, log_loss
from galago.train.head import balanced, fit_head
from galago.train.loop import Loop, Stage
from galago.train.photo_cache import SQUARES, PhotoCache, read_photos, training_key
from galago.train.pixels import mixup, predict
from galago.train.progress import Progress
from galago.train.recipe import PhotoRecipe, PhotoStage, to_toml
from galago.train.result import Trained, Validation
from galago.train.teachers import mix_soft_targets


@dataclass(frozen=True)
class _Setup:
    """What all stages of a training share."""

    recipe: PhotoRecipe
    photos: PhotoCache
    targets: np.ndarray  # probabilities of the classes, float32 [n, classes]
    body: Any  # ends in features
    network: Any  # ends in logits
    augment: Any
    seeds: Any  # of the augmentation, a keras.random.SeedGenerator


def transfer(recipe: PhotoRecipe, data: Path, work: Path, progress: Progress) -> Trained:
    """Trains on the photos below the folder `data`; checkpoints go into the folder `work`.

    Raises dataset.*, train.weights, model.missing, disk.full, config.invalid.
    """
    tensorflow, keras = lazy_tensorflow.tensorflow(), lazy_tensorflow.keras()
    if recipe.threads:
        lazy_tensorflow.limit_threads(recipe.threads)
    keras.utils.set_random_seed(recipe.seed)
    tensorflow.config.experimental.enable_op_determinism()
    photos = read_photos(data / recipe.photos, recipe, work, progress)
    duplicates = len(photos.groups) - len(np.unique(photos.groups))
    progress.say(
        f"{len(photos.labels)} photos in {len(photos.names)} classes, {len(photos.training)} to train on, "
        f"{photos.validation.sum()} for validation; {duplicates} near-duplicates kept together"
    )
    setup = _setup(recipe, data, photos, progress)
    network, validation = setup.network, _validation(photos)

    def validate() -> dict[str, float]:
        logits = predict(network, validation.pixels)
        right = logits.argmax(axis=1) == validation.labels
        return {"loss": log_loss(softmax(logits), validation.labels), "accuracy": float(right.mean())}

    settings = to_toml(replace(recipe, photos="", test=""))
    checkpoint = Checkpoint(work, training_key(photos, settings), progress.say)
    stages = []
    for number, stage in enumerate(recipe.stages):
        if stage.layers != "head":
            stages.append(_stage(setup, stage, number))
        elif checkpoint.load() is None:
            head = fit_head(setup.body, setup.augment, photos, setup.targets, stage, recipe.seed)
            network.get_layer("classes").set_weights(head)
            progress.say(f"head: validation accuracy {validate()['accuracy']:.1%}")
    history = Loop(network, validate, checkpoint, progress).run(stages)
    calibrated = calibrate(network, validation)
    return Trained(
        network=calibrated.network,
        names=photos.names,
        unknown_below=calibrated.unknown_below,
        temperature=calibrated.temperature,
        validation=validation,
        training_pixels=photos.inputs[photos.training],
        uncalibrated=calibrated.before,
        history=history,
        skipped=photos.skipped,
    )


def _setup(recipe: PhotoRecipe, data: Path, photos: PhotoCache, progress: Progress) -> _Setup:
    keras = lazy_tensorflow.keras()
    pretrained_size = 0 if recipe.start else recipe.pretrained_size
    body = networks.body(recipe.architecture, recipe.alpha, recipe.size, pretrained_size, recipe.blocks)
    if recipe.start:
        networks.take_over(body, _start(recipe, data))
    network = networks.classifier(body, len(photos.names))
    targets = mix_soft_targets(_smoothed_labels(recipe, photos), recipe, photos, progress)
    seeds = keras.random.SeedGenerator(recipe.seed)
    augment = augmenter(recipe.augment, recipe.size, seeds)
    return _Setup(recipe, photos, targets, body, network, augment, seeds)


def _start(recipe: PhotoRecipe, data: Path) -> Path:
    """Returns the folder of the model to start from."""
    folder = data / recipe.start
    shipped = not folder.is_dir() and recipe.start in models.shipped_names()
    return resources.models_dir() / recipe.start if shipped else folder


def _smoothed_labels(recipe: PhotoRecipe, photos: PhotoCache) -> np.ndarray:
    """Returns the targets without teachers, float32 [n, classes]."""
    classes = len(photos.names)
    targets = np.full((len(photos.labels), classes), recipe.label_smoothing / classes, np.float32)
    targets[np.arange(len(targets)), photos.labels] += 1 - recipe.label_smoothing
    return targets


def _validation(photos: PhotoCache) -> Validation:
    """Returns the validation photos; where no class has one to spare, the training photos serve instead."""
    spare = bool(photos.validation.any())
    chosen = np.flatnonzero(photos.validation) if spare else photos.training
    name = "the validation photos" if spare else "the training photos, as there are no others"
    return Validation(name, [photos.paths[i] for i in chosen], photos.inputs[chosen], photos.labels[chosen])


def _stage(setup: _Setup, stage: PhotoStage, number: int) -> Stage:
    """Returns the stage with this number in the recipe, for the training loop."""
    keras = lazy_tensorflow.keras()
    recipe, photos, network, seeds = setup.recipe, setup.photos, setup.network, setup.seeds
    training = photos.training
    steps = max(1, math.ceil(len(training) / recipe.batch))
    probabilities = balanced(photos.labels[training])

    class Batches(keras.utils.PyDataset):
        """An epoch: photos drawn at random, one square of each, mixed in pairs, with their targets."""

        def __init__(self, epoch: int) -> None:
            super().__init__()
            self.epoch = epoch

        def __len__(self) -> int:
            return steps

        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            random = np.random.default_rng([recipe.seed, number, self.epoch, index])
            drawn = random.choice(training, min(recipe.batch, max(8, len(training))), p=probabilities)
            x = photos.squares[drawn, random.integers(0, SQUARES, len(drawn))].astype(np.float32)
            return mixup(x, setup.targets[drawn], recipe.augment.mixup, random)

    def batches(epoch: int) -> Any:
        seeds.state.assign(np.array([recipe.seed * 1000 + number, epoch * 1_000_000], np.uint32))
        return Batches(epoch)

    picture = keras.Input((photos.side, photos.side, 3))
    enough = len(training) >= networks.MIN_BATCHES * recipe.batch
    batch_statistics = enough or not recipe.pretrained_size
    return Stage(
        name=stage.layers,
        learner=keras.Model(picture, network(setup.augment(picture))),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
        batches=batches,
        prepare=lambda: networks.train_only(network, stage.layers, batch_statistics),
        epochs=stage.epochs,
        steps=steps,
        learning_rate=stage.learning_rate,
        patience=stage.patience,
    )
