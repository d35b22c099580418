# SPDX-License-Identifier: MIT
"""galago train: photos in, a model directory and a report out."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from galago.cli.model import describe
from galago.errors import GalagoError

if TYPE_CHECKING:
    from galago.train import Progress, Recipe
    from galago.train.choice import TrainingOptions


def train(
    photos: Annotated[
        Path, typer.Argument(help="A folder with one sub-folder of photos per class, or a recipe.toml.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="The model directory to write.")],
    architecture: Annotated[
        str | None, typer.Option(help="mobilenet_v1 or mobilenet_v2.  [default: mobilenet_v1]")
    ] = None,
    alpha: Annotated[
        float | None,
        typer.Option(help="The width multiplier of the network.  [default: 0.25, or 0.35 for V2]"),
    ] = None,
    size: Annotated[
        int | None, typer.Option(help="Width and height of the input in pixels.  [default: 96]")
    ] = None,
    board: Annotated[
        str | None, typer.Option(help="Choose the largest network that fits this board.")
    ] = None,
    test: Annotated[
        Path | None,
        typer.Option(
            metavar="PHOTOS", help="Photos to measure the accuracy on; they are not used for training."
        ),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="DIR", help="Fine-tune this trained model instead of starting from ImageNet's."
        ),
    ] = None,
    from_scratch: Annotated[bool, typer.Option(help="Start without ImageNet weights.")] = False,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs of fine-tuning.  [default: more for fewer photos]")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=1_000_000, help="Random seed; the same seed gives the same model.")
    ] = 1,
    name: Annotated[str | None, typer.Option(help="The model's name.  [default: the name of DIR]")] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="With a recipe: the folder that holds its photos.")
    ] = None,
) -> None:
    """Train a small MobileNet on your own photos; write a model directory for boards, and a report.

    Training starts from ImageNet weights, which Keras downloads once. The directory also gets a recipe.toml;
    pass it instead of the photos to repeat the training. After an interruption, the same command continues.
    Needs the extra `train`; in a clone: pip install -e '.[train]'.
    """
    from galago.cli.output import Console
    from galago.train import Progress
    from galago.train.choice import recipe_for
    from galago.train.pipeline import WORK, run_recipe

    console = Console(stderr=True, highlight=False)
    with Progress(console) as progress:
        if photos.suffix == ".toml":
            recipe = _read_recipe(photos, data)
        else:
            options = _network(architecture, alpha, size, start)
            options = replace(options, test=test, from_scratch=from_scratch, epochs=epochs, seed=seed)
            if start and (board or from_scratch):
                raise GalagoError(
                    "usage", "--from keeps the model's network: leave --board and --from-scratch out"
                )
            if board:
                if alpha or size:
                    raise GalagoError(
                        "usage", "--board chooses alpha and size: use either --board, or --alpha and --size"
                    )
                options = _sized_for(board, options, photos, progress)
            recipe = recipe_for(photos, name or out.resolve().name, options)
        try:
            file = photos if photos.suffix == ".toml" else None
            model = run_recipe(recipe, data or Path(), out, progress, file)
        except KeyboardInterrupt:
            progress.stop()
            kept = (out / WORK / "state.npz").is_file()
            effect = "continues after the last epoch" if kept else "starts again: no epoch was finished"
            print(f"galago: interrupted; the same command {effect}", file=sys.stderr)
            raise
    print(describe(model))


def _network(
    architecture: str | None, alpha: float | None, size: int | None, start: Path | None
) -> "TrainingOptions":
    """The options with the network that was chosen, which is that of `start` if it is given."""
    from galago.train.choice import TrainingOptions

    if start:
        if architecture or alpha:
            raise GalagoError(
                "usage", "--from keeps the model's network: leave --architecture and --alpha out"
            )
        options = TrainingOptions.fine_tuning(start)
        return replace(options, size=size or options.size)
    architecture = architecture or "mobilenet_v1"
    return TrainingOptions(
        architecture, alpha or (0.25 if architecture == "mobilenet_v1" else 0.35), size or 96
    )


def _read_recipe(path: Path, data: Path | None) -> "Recipe":
    from galago.train import PhotoRecipe, read_recipe

    recipe = read_recipe(path)
    if data is None and not (isinstance(recipe, PhotoRecipe) and Path(recipe.photos).is_absolute()):
        raise GalagoError("usage", f"{path} names photos but not their folder: add it with --data")
    return recipe


def _sized_for(
    board: str, options: "TrainingOptions", photos: Path, progress: "Progress"
) -> "TrainingOptions":
    """The options with the largest network that fits a board."""
    from galago import dataset
    from galago.train.choice import largest

    classes = len(dataset.from_subfolders(photos).names)
    progress.say(f"looking for the largest network that fits {board}")
    variant, why = largest(board, options.architecture, classes, small=True)
    progress.say(why)
    return replace(options, alpha=variant.alpha, size=variant.size, blocks=variant.blocks)
