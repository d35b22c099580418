# SPDX-License-Identifier: MIT
"""What to train when the user only says on which photos: the recipe of `galago train PHOTOS`.

variant, why = largest("RPI_PICO2", "mobilenet_v1", classes=5)
recipe = recipe_for(Path("photos"), "mine", "mobilenet_v1", 0.25, 96)
"""

import math
from dataclasses import replace
from pathlib import Path

from galago import boards, dataset, fit, imagenet, models
from galago.errors import GalagoError
from galago.fit.variants import Variant
from galago.train.network import ENOUGH
from galago.train.recipe import Fitting, PhotoRecipe

SIZES = (224, 192, 160, 128, 96, 64)
ROOM = 0.85  # of heap and of file system that a model may take, so that the user's own program has some
PATIENCE = 1.0  # seconds that a picture may take
_EPOCHS, _STEPS = 40, 800  # at least, whichever is more
_PHOTOS = 0.85  # of all, which train
_KNOWN = "everyday-v1-025-96"


def largest(board_id: str, architecture: str, classes: int) -> tuple[Variant, str]:
    """The variant with the most multiplications that fits a board with room to spare, and why it.

    Raises `memory.heap` if none does, board.*.
    """
    board = boards.load(board_id)
    needs = replace(fit.Needs.of(models.find(_KNOWN)), classes=classes)
    variants = [
        Variant(architecture, alpha, size, (classes,))
        for alpha in imagenet.ALPHAS[architecture]
        for size in SIZES
    ]
    passed = ""
    for variant in sorted(variants, key=lambda variant: variant.macs, reverse=True):
        if variant.weights > max(board.filesystem, board.romfs):
            continue
        result = fit.judge(needs.but(variant), board)
        problem = result.problem or _crowded(result)
        if not problem:
            seconds = f"about {result.seconds[1] * 1000:,.0f} ms per picture, weights {result.weights}"
            because = f"; next larger, {passed}" if passed else ""
            return variant, f"{variant.name} is the largest that fits {board.id}: {seconds}{because}"
        passed = f"{variant.name}: {problem}"
    raise GalagoError(
        "memory.heap", f"no {architecture} fits {board.id} with room to spare ({passed}): take a larger board"
    )


def _crowded(result: fit.Fit) -> str:
    heap = sum(result.heap.values()) / result.board.heap
    files = result.filesystem.used / result.filesystem.size
    if heap > ROOM:
        return f"takes {heap:.0%} of the heap"
    if files > ROOM:
        return f"takes {files:.0%} of the file system"
    if result.weights == "streamed":
        return "its weights would be read from the file system at each picture"
    if result.seconds[1] > PATIENCE:
        return f"takes about {result.seconds[1]:.1f} s per picture"
    return ""


def recipe_for(
    photos: Path,
    name: str,
    architecture: str,
    alpha: float,
    size: int,
    *,
    test: Path | None = None,
    scratch: bool = False,
    epochs: int | None = None,
    seed: int = 1,
) -> PhotoRecipe:
    """The recipe for a folder of photos; small folders get more epochs. Raises config.invalid, dataset.*."""
    imagenet.application(architecture)
    if not 32 <= size <= 224 or size % 2:
        raise GalagoError("config.invalid", f"--size {size}: wanted an even number of pixels from 64 to 224")
    if not 0 < alpha <= 1.4:
        raise GalagoError("config.invalid", f"--alpha {alpha:g}: wanted a width from 0.25 to 1")
    steps = math.ceil(len(dataset.folders(photos)) * _PHOTOS / PhotoRecipe.batch)
    whole = epochs or max(_EPOCHS, math.ceil(_STEPS / steps))
    # With ImageNet's statistics, which few photos keep (network.train_only), large steps lead astray.
    rate = 2e-3 if steps >= ENOUGH else 3e-4
    fine = Fitting("all", whole, rate, patience=max(10, whole // 3))
    stages = (Fitting("head", 30, 3e-3), fine)
    if scratch:
        stages = (replace(fine, epochs=epochs or 3 * whole, patience=0, rate=3e-3),)
    return PhotoRecipe(
        name,
        str(photos.resolve()),
        architecture,
        alpha,
        size,
        0 if scratch else imagenet.nearest_size(architecture, alpha, size),
        seed=seed,
        test=str(test.resolve()) if test else "",
        stages=stages,
    )
