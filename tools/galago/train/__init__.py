# SPDX-License-Identifier: MIT
"""Training as a recipe says: photos and ImageNet networks in, a float Keras model out.

    recipe = train.read_recipe("models/everyday-v1-025-96/recipe.toml")
    result = train.run(recipe, data="DATA")          # result.network, result.unknown_below

A small MobileNet with ImageNet weights is fitted to its size: each photo becomes some views, teachers say
once what they see in each (galago.distill), and the small network learns to say the same. Then its ImageNet
head is merged into the recipe's classes. Every network here takes (pixel - 128) / 128. The same seed gives
the same result.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from galago import distill, quiet
from galago.train.recipe import Recipe, read_recipe
from galago.train.student import Trained, adapt, imagenet_student, widened, with_classes
from galago.train.views import make_views

__all__ = ["Recipe", "Trained", "read_recipe", "run"]


def run(recipe: Recipe, data: str | Path, say: Callable[[str], None] = print) -> Trained:
    """Trains on photos below `data`; `say` gets a line for each epoch and for each photo that is skipped."""
    tensorflow, keras = quiet.tensorflow(), quiet.keras()
    keras.utils.set_random_seed(recipe.seed)
    tensorflow.config.experimental.enable_op_determinism()
    group = distill.groups(recipe.classes)
    student = imagenet_student(recipe)
    views, owners, check, labels = make_views(recipe, Path(data), group, say)
    for number, stage in enumerate(recipe.stages):
        adapt(student, views, stage, group, recipe.seed + number, say)
    kernel, bias = widened(student, views)
    names = list(recipe.classes)
    rows = {names.index(name): count for name, count in recipe.head.rows.items()} | {-1: recipe.head.outside}
    parts = distill.subclasses(kernel, bias, np.concatenate([group, owners]), rows, recipe.seed)
    return with_classes(student, recipe, parts, check, labels, say)
