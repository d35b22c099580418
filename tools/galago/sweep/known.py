# SPDX-License-Identifier: MIT
"""What is known to be good: the networks of the shipped models, and the settings that they were trained with.

    for variant, settings in known.first(space, teachers=True): ...

A short search has time for few trials, so it begins with these. Only their recipes count, not their weights,
which may have learned the photos of the search.
"""

from dataclasses import replace

from galago.fit.variants import Variant
from galago.resources import models_dir
from galago.sweep.space import Settings, Space
from galago.train.recipe import PhotoRecipe, read_recipe


def first(space: Space, teachers: bool) -> list[tuple[Variant, Settings]]:
    """Returns the largest shipped network for each board, and two trainings of each, for early trials.

    First come those of the shipped models; then twice as long where that has a teacher, and with one where it
    has none. Both times the cheapest comes first. Without `teachers`, each network comes once, without one.
    """
    shipped = sorted(_shipped(space.requirements.classes), key=lambda each: each[0].macs, reverse=True)
    chosen: dict[Variant, Settings] = {}
    for board in space.boards:
        for variant, settings in shipped:
            if board.id in space.costs(variant):
                chosen[variant] = settings
                break
    by_macs = sorted(chosen.items(), key=lambda each: each[0].macs)
    if not teachers:
        return [(variant, replace(settings, teacher=False)) for variant, settings in by_macs]
    others = [
        (variant, replace(settings, longer=2) if settings.teacher else replace(settings, teacher=True))
        for variant, settings in by_macs
    ]
    return by_macs + others


def _shipped(classes: int) -> list[tuple[Variant, Settings]]:
    """The networks of all shipped models that were trained on photos, with so many classes."""
    found = []
    for file in sorted(models_dir().glob("*/recipe.toml")):
        recipe = read_recipe(file)
        if isinstance(recipe, PhotoRecipe):
            variant = Variant(
                recipe.architecture, recipe.alpha, recipe.size, (classes,), blocks=recipe.blocks
            )
            augment = recipe.augment
            settings = Settings(
                smallest_area=augment.area[0], mixup=augment.mixup, teacher=bool(recipe.teachers)
            )
            found.append((variant, settings))
    return found
