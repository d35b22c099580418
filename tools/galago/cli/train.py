# SPDX-License-Identifier: MIT
"""galago train: photos in, model directory and report out."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from galago.errors import GalagoError

if TYPE_CHECKING:
    from galago.train import Progress, Recipe


def train(
    photos: Annotated[
        Path, typer.Argument(help="A folder with one sub-folder of photos per class, or a recipe.toml.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="The model directory to make.")],
    architecture: Annotated[str, typer.Option(help="mobilenet_v1 or mobilenet_v2.")] = "mobilenet_v1",
    alpha: Annotated[float | None, typer.Option(help="The network's width.  [default: 0.25]")] = None,
    size: Annotated[int | None, typer.Option(help="Pixels of the square input.  [default: 96]")] = None,
    board: Annotated[
        str | None, typer.Option(help="Choose alpha and size: the largest that fits this board.")
    ] = None,
    test: Annotated[
        Path | None, typer.Option(metavar="PHOTOS", help="Photos to measure on, not to train on.")
    ] = None,
    from_scratch: Annotated[bool, typer.Option(help="Start without ImageNet weights.")] = False,
    epochs: Annotated[int | None, typer.Option(min=1, help="Of fine-tuning.  [default: by photos]")] = None,
    seed: Annotated[int, typer.Option(min=0, max=1_000_000, help="The same seed gives the same model.")] = 1,
    name: Annotated[str | None, typer.Option(help="The model's name.  [default: the name of DIR]")] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Of a recipe: the folder that holds its photos.")
    ] = None,
) -> None:
    """Train a small MobileNet on your own photos: a model directory for boards, and a report.

    Starts from ImageNet weights, which Keras downloads once. The directory also gets recipe.toml, which this
    command takes in place of photos to do the same again. When it is interrupted, the same command goes on.
    Needs the extra `train` (pip install 'galago[train]').
    """
    from rich.console import Console

    from galago.train import Progress
    from galago.train.pipeline import WORK, make

    console = Console(stderr=True, highlight=False)
    with Progress(console) as progress:
        if photos.suffix == ".toml":
            recipe = _from_file(photos, data)
        else:
            recipe = _chosen(
                progress,
                photos,
                name or out.resolve().name,
                architecture,
                alpha,
                size,
                board,
                test=test,
                scratch=from_scratch,
                epochs=epochs,
                seed=seed,
            )
        try:
            file = photos if photos.suffix == ".toml" else None
            model = make(recipe, data or Path(), out, progress, file)
        except KeyboardInterrupt:
            progress.stop()
            kept = (out / WORK / "state.npz").is_file()
            goes_on = "goes on from the last epoch" if kept else "starts again: no epoch was finished"
            print(f"galago: interrupted; the same command {goes_on}", file=sys.stderr)
            raise
    contract = model.contract
    print(
        f"{model.path}: {len(model.labels)} classes, {contract['files']['tflite']['bytes']:,} bytes, "
        f"{contract['macs']:,} MACs, arena {contract['arena_bytes']:,} bytes"
    )


def _from_file(path: Path, data: Path | None) -> "Recipe":
    from galago.train import PhotoRecipe, read_recipe

    recipe = read_recipe(path)
    if data is None and not (isinstance(recipe, PhotoRecipe) and Path(recipe.photos).is_absolute()):
        raise GalagoError("usage", f"{path} names photos without their place: give it with --data")
    return recipe


def _chosen(
    progress: "Progress",
    photos: Path,
    name: str,
    architecture: str,
    alpha: float | None,
    size: int | None,
    board: str | None,
    *,
    test: Path | None,
    scratch: bool,
    epochs: int | None,
    seed: int,
) -> "Recipe":
    from galago import dataset
    from galago.train import choice

    if board and (alpha or size):
        raise GalagoError("usage", "--board chooses alpha and size: give it, or them")
    if board:
        variant, why = choice.largest(board, architecture, len(dataset.folders(photos).names))
        alpha, size = variant.alpha, variant.size
        progress.say(why)
    return choice.recipe_for(
        photos,
        name,
        architecture,
        alpha or (0.25 if architecture == "mobilenet_v1" else 0.35),
        size or 96,
        test=test,
        scratch=scratch,
        epochs=epochs,
        seed=seed,
    )
