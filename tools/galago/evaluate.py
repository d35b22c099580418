# SPDX-License-Identifier: MIT
"""How often a model directory is right: labelled photos through TensorFlow Lite Micro, as a board sees them.

outputs, positions = evaluate.answers(model, photos.paths)
low, high = evaluate.wilson(right=198, count=226)

python -m galago.evaluate models/everyday-v1-025-96 DATA/images/imagenet_val650
"""

import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from galago import dataset, models, pictures
from galago.errors import GalagoError
from galago.models import ModelDirectory
from galago.tflm import Tflm


def answers(
    model: ModelDirectory, paths: list[Path], warn: Callable[[str], None] = print
) -> tuple[np.ndarray, np.ndarray]:
    """TFLM's outputs for the readable pictures, int8 [n, classes], and their positions in `paths` [n]."""
    oracle = Tflm(model.tflite.read_bytes())
    height, width, channels = model.input_shape
    outputs, positions = [], []
    for position, rgb in dataset.read(paths, warn):
        given = pictures.to_input(rgb, height, width, channels, model.contract["input"]["fit"])
        outputs.append(oracle.run(given).ravel().copy())
        positions.append(position)
    return np.array(outputs), np.array(positions)


def wilson(right: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % confidence interval of a share (Wilson 1927)."""
    share = right / count
    centre = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (centre - spread) / (1 + z * z / count), (centre + spread) / (1 + z * z / count)


def labelled(model: ModelDirectory, folder: str | Path) -> dataset.Photos:
    """Photos with the model's class numbers, -1 outside: sub-folders, or ImageNet numbers and recipe.toml."""
    folder = Path(folder)
    if not (folder / "labels.txt").is_file():
        photos = dataset.folders(folder)
        number = {label: index for index, label in enumerate(model.labels)}
        return dataset.Photos(
            photos.paths,
            np.array([number.get(photos.names[label], -1) for label in photos.labels]),
            model.labels,
        )
    from galago import distill, train

    recipe = train.read_recipe(model.path / "recipe.toml")
    if list(recipe.classes) != model.labels:
        raise GalagoError(
            "model.labels", f"{model.path}: recipe.toml has other classes: train the model again"
        )
    photos = dataset.listed(folder)
    return dataset.Photos(photos.paths, distill.groups(recipe.classes)[photos.labels], model.labels)


def main(model_path: str, folder: str) -> None:
    """Prints the accuracy and its confidence interval, what `unknown` does, and a table of the classes."""
    model = models.find(model_path)
    photos = labelled(model, folder)
    outputs, positions = answers(model, photos.paths)
    labels = photos.labels[positions]
    answer = outputs.argmax(axis=1)
    inside = labels >= 0
    right = int((answer == labels)[inside].sum())
    low, high = wilson(right, int(inside.sum()))
    print(
        f"right: {right} of {inside.sum()}, {right / inside.sum():.2%} "
        f"(95 % interval {low:.1%} to {high:.1%})"
    )
    confidence = (outputs.max(axis=1).astype(int) + 128) / 256
    known = confidence >= model.contract["unknown_below"]
    print(
        f"unknown_below {model.contract['unknown_below']}: answers {known[inside].mean():.1%} of these, "
        f"{(answer == labels)[inside & known].mean():.1%} of the answers right; "
        f"answers {known[~inside].mean():.1%} of the {(~inside).sum()} outside every class"
    )
    print("\n| class | photos | found | answered | right of those | taken for |\n|---|---|---|---|---|---|")
    for index, name in enumerate(model.labels):
        of = labels == index
        said = inside & (answer == index)
        wrong = [model.labels[i] for i in answer[of] if i != index]
        others = ", ".join(f"{w} {wrong.count(w)}" for w in sorted(set(wrong), key=lambda w: -wrong.count(w)))
        print(
            f"| {name} | {of.sum()} | {(answer == index)[of].sum()} | {said.sum()} | "
            f"{(labels == index)[said].sum()} | {others} |"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
