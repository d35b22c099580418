# SPDX-License-Identifier: MIT
"""Training as a recipe says: photos and ImageNet weights in, a float Keras network out.

    recipe = train.read_recipe("models/flowers-v1-025-96/recipe.toml")
    with train.Progress(console) as progress:
        trained = train.run(recipe, data="DATA", work=out / ".training", progress=progress)
    trained.network, trained.unknown_below

Every network here takes (pixel - 128) / 128. The same recipe, photos and seed give the same network, also
where the training was interrupted and started again.
"""

from pathlib import Path

from galago.train.progress import Progress
from galago.train.recipe import GroupRecipe, PhotoRecipe, Recipe, read_recipe, written
from galago.train.result import Trained

__all__ = ["GroupRecipe", "PhotoRecipe", "Progress", "Recipe", "Trained", "read_recipe", "run", "written"]


def run(recipe: Recipe, data: str | Path, work: Path, progress: Progress) -> Trained:
    """Trains on photos below `data`; `work` is a folder for what an interrupted training goes on from."""
    from galago.train import imagenet_groups, transfer

    if isinstance(recipe, GroupRecipe):
        return imagenet_groups.group(recipe, Path(data), work, progress)
    return transfer.transfer(recipe, Path(data), work, progress)
