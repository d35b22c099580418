# SPDX-License-Identifier: MIT
"""Training by a recipe: photos and ImageNet weights in, a float Keras network out.

    recipe = train.read_recipe("models/flowers-v1-025-96/recipe.toml")
    with train.Progress(console) as progress:
        trained = train.run(recipe, data="DATA", work=out / ".training", progress=progress)
    trained.network, trained.unknown_below

Every network here takes (pixel - 128) / 128. The same recipe, photos and seed give the same network, even if
the training was interrupted and resumed.

pipeline          everything from a recipe to a model directory with its report
choice, recipe    the recipe that `galago train PHOTOS` uses; recipe.toml files
transfer          a PhotoRecipe: an ImageNet network is fitted to a folder of photos
imagenet_groups   a GroupRecipe: classes made of ImageNet's thousand
quick_head        a head on a shipped network, in seconds
loop              stages, early stopping, a checkpoint after each epoch
post_training     quantization, and fine_tuning where int8 lost too much
"""

from pathlib import Path

from galago.train.progress import Progress
from galago.train.recipe import GroupRecipe, PhotoRecipe, Recipe, read_recipe, to_toml
from galago.train.result import Trained

__all__ = ["GroupRecipe", "PhotoRecipe", "Progress", "Recipe", "Trained", "read_recipe", "run", "to_toml"]


def run(recipe: Recipe, data: str | Path, work: Path, progress: Progress) -> Trained:
    """Trains on the photos below the folder `data`; checkpoints for resuming go into the folder `work`.

    Raises dataset.*, train.weights, disk.full, config.invalid.
    """
    from galago.train import imagenet_groups, transfer

    if isinstance(recipe, GroupRecipe):
        return imagenet_groups.train_groups(recipe, Path(data), work, progress)
    return transfer.transfer(recipe, Path(data), work, progress)
