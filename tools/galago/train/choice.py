# SPDX-License-Identifier: MIT
"""Chooses a recipe where the user only names photos, and a network where the user only names a board.

variant, why = largest("RPI_PICO2", "mobilenet_v1", classes=5)
recipe = recipe_for(Path("photos"), "mine", TrainingOptions(alpha=variant.alpha, size=variant.size))
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path

from galago import boards, dataset, fit, imagenet, models
from galago.errors import GalagoError
from galago.fit.variants import Variant
from galago.train.network import MIN_BATCHES
from galago.train.recipe import PhotoRecipe, PhotoStage

SIZES = (224, 192, 160, 128, 96, 64)
MAX_FILL = 0.85  # share of heap and file system that a model may take; the rest is for the user's program
MAX_SECONDS = 1.0  # per picture
_MIN_EPOCHS, _MIN_STEPS = 40, 800  # whichever takes longer
_PATIENT_STEPS = 100  # without improvement that end a training, but at least ten epochs
_TRAINING_SHARE = 0.85  # of all photos; the others are for validation
_BLOCKS, _SMALLEST = (5, 6, 7, 9, 11), 48  # of 13 blocks, and pixels, for the small form
_REFERENCE = "everyday-v1-025-96"


@dataclass(frozen=True)
class TrainingOptions:
    """What a user may choose about a training; everything else follows from the photos."""

    architecture: str = "mobilenet_v1"
    alpha: float = 0.25
    size: int = 96
    blocks: int = 0
    test: Path | None = None
    start: Path | None = None
    """A model's folder: to fine-tune it instead of an ImageNet network."""
    from_scratch: bool = False
    epochs: int | None = None
    seed: int = 1

    @classmethod
    def fine_tuning(cls, folder: Path) -> "TrainingOptions":
        """Returns the options to fine-tune the model in a folder: its own network.

        Raises model.*, config.invalid for a network that is not trained here.
        """
        model = models.ModelDirectory.open(folder)
        architecture, alpha = model.contract.get("architecture"), model.contract.get("alpha")
        if architecture not in imagenet.ALPHAS or not isinstance(alpha, int | float):
            raise GalagoError(
                "config.invalid", f"{folder} is no network of Galago's training: choose a model trained by it"
            )
        blocks = int(model.contract.get("blocks", 0))
        return cls(architecture, alpha, model.input_shape[0], blocks, start=folder)


def largest(board_id: str, architecture: str, classes: int, small: bool = False) -> tuple[Variant, str]:
    """Returns the variant with the most MACs that fits a board with room to spare, and a line on why.

    Where none fits and `small` is true, it is the largest one in the small form of the device package
    (galago.small), a whole one if possible, or V1 with fewer blocks. Raises memory.heap if none fits, and
    board.*.
    """
    board = boards.load(board_id)
    requirements = fit.Requirements.of(models.find(_REFERENCE))
    rejected = ""
    for form in ("whole or trimmed", "small") if small else ("whole or trimmed",):
        for variant in _variants(architecture, classes, shortened=form == "small"):
            if variant.weights > max(board.file_space, board.romfs):
                continue
            result = fit.check(requirements.for_variant(variant), board)
            problem = result.problem or (_too_full(result) if form != "small" else "")
            if not problem:
                seconds = f"about {result.seconds[1] * 1000:,.0f} ms per picture, weights {result.weights}"
                larger = f"; the next larger one, {rejected}" if rejected else ""
                return variant, f"{variant.name} is the largest that fits {board.id}: {seconds}{larger}"
            rejected = f"{variant.name}: {problem}"
    raise GalagoError(
        "memory.heap",
        f"no {architecture} fits {board.id} with room to spare ({rejected}): use a larger board",
    )


def _variants(architecture: str, classes: int, shortened: bool) -> list[Variant]:
    """The networks to choose from, whole ones first, from the largest to the smallest."""
    variants = [
        Variant(architecture, alpha, size, (classes,), blocks=blocks)
        for blocks in (0, *(_BLOCKS if shortened and architecture == "mobilenet_v1" else ()))
        for alpha in imagenet.ALPHAS[architecture]
        for size in (*SIZES, *((_SMALLEST,) if blocks else ()))
    ]
    return sorted(variants, key=lambda variant: (not variant.blocks, variant.macs), reverse=True)


def _too_full(result: fit.Verdict) -> str:
    heap = sum(result.heap.values()) / result.board.heap
    files = result.filesystem.used / result.filesystem.size
    if result.form == "small":
        return "fits in the small form of the device package alone"
    if heap > MAX_FILL:
        return f"takes {heap:.0%} of the heap"
    if files > MAX_FILL:
        return f"takes {files:.0%} of the file system"
    if result.weights == "streamed":
        return "its weights would be read from the file system for every picture"
    if result.seconds[1] > MAX_SECONDS:
        return f"takes about {result.seconds[1]:.1f} s per picture"
    return ""


def recipe_for(photos: Path, name: str, options: TrainingOptions) -> PhotoRecipe:
    """Returns the recipe for a folder of photos; small folders get more epochs.

    Raises config.invalid, dataset.missing, dataset.empty, dataset.layout.
    """
    imagenet.require(options.architecture)
    alpha, size = options.alpha, options.size
    if not 32 <= size <= 224 or size % 2:
        raise GalagoError(
            "config.invalid", f"--size: expected an even number from 32 to 224, got {size}: choose another"
        )
    if not 0 < alpha <= 1.4:
        raise GalagoError(
            "config.invalid",
            f"--alpha: expected a width above 0 and up to 1.4, got {alpha:g}: choose another",
        )
    steps = math.ceil(len(dataset.from_subfolders(photos)) * _TRAINING_SHARE / PhotoRecipe.batch)
    epochs = options.epochs or max(_MIN_EPOCHS, math.ceil(_MIN_STEPS / steps))
    # Few photos keep ImageNet's statistics (network.train_only), with which large steps diverge.
    learning_rate = 2e-3 if steps >= MIN_BATCHES else 3e-4
    if options.start:  # it knows such photos already
        epochs, learning_rate = options.epochs or math.ceil(epochs / 4), learning_rate / 2
    all_layers = PhotoStage("all", epochs, learning_rate, patience=max(10, math.ceil(_PATIENT_STEPS / steps)))
    stages = (PhotoStage("head", 30, 3e-3), all_layers)
    if options.from_scratch:
        epochs = options.epochs or 3 * epochs
        stages = (replace(all_layers, epochs=epochs, patience=0, learning_rate=3e-3),)
    pretrained_size = 0 if options.from_scratch else imagenet.nearest_size(options.architecture, alpha, size)
    return PhotoRecipe(
        name,
        str(photos.resolve()),
        options.architecture,
        alpha,
        size,
        pretrained_size,
        blocks=options.blocks,
        seed=options.seed,
        start=str(options.start.resolve()) if options.start else "",
        test=str(options.test.resolve()) if options.test else "",
        stages=stages,
    )
