# SPDX-License-Identifier: MIT
"""What large ImageNet networks know, for a small one: classes made of ImageNet's thousand, and soft targets.

A class such as `dog` is a group of ImageNet numbers (118 of them), and its probability the sum of theirs.
Where photos are few it pays to keep that: the head that ImageNet trained tells breeds apart, and merging
similar rows of it gives `dog` in a fraction of the size, where a new head would only learn the photos by
heart.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from galago import imagenet
from galago.errors import GalagoError

IMAGENET = imagenet.CLASSES


def groups(classes: dict[str, list[int | str]]) -> np.ndarray:
    """The class of each ImageNet number, int64 [1000], -1 outside of all.

    `classes` maps a name to numbers or ranges: {"cat": ["281-285"], "bicycle": [444, 671]}. Raises
    config.invalid where a number is not one or is in two classes.
    """
    group = np.full(IMAGENET, -1)
    for index, (name, parts) in enumerate(classes.items()):
        for part in map(str, parts):
            first, dash, last = part.partition("-")
            if not first.isdigit() or not (last if dash else first).isdigit():
                raise GalagoError("config.invalid", f"class {name}: wanted 7 or 7-24, got {part!r}")
            numbers = range(int(first), int(last or first) + 1)
            if not numbers or numbers[-1] >= IMAGENET:
                raise GalagoError("config.invalid", f"class {name}: {part} is not within 0-{IMAGENET - 1}")
            taken = [n for n in numbers if group[n] >= 0]
            if taken:
                raise GalagoError(
                    "config.invalid", f"class {name}: {taken[0]} is in another class: give it to one"
                )
            group[numbers] = index
    return group


def recipe_groups(recipe: Path, labels: list[str]) -> np.ndarray | None:
    """The groups of a recipe.toml whose classes are `labels`; None if it is missing or of another kind."""
    try:
        classes = tomllib.loads(recipe.read_text()).get("classes", {})
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return None
    return groups(classes) if list(classes) == labels else None


@dataclass(frozen=True)
class Teacher:
    """A MobileNet of keras.applications; its ImageNet weights may be of another size than it is asked at."""

    architecture: str
    alpha: float
    trained: int
    asked: int
    weight: float

    def network(self) -> Any:
        """The Keras model: (pixel - 128) / 128 in [n, asked, asked, 3], probabilities out [n, 1000]."""
        maker = imagenet.application(self.architecture)
        trained = imagenet.network(self.architecture, self.alpha, self.trained)
        network = maker(input_shape=(self.asked, self.asked, 3), alpha=self.alpha, weights=None)
        network.set_weights(trained.get_weights())
        return network


def subclasses(
    kernel: np.ndarray, bias: np.ndarray, group: np.ndarray, rows: dict[int, int], seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Merges similar rows of an ImageNet head, so that each class has at most its number of `rows`.

    `kernel` is float [features, n], `bias` [n], `group` the class of each row, int64 [n], -1 outside; a class
    that `rows` does not name keeps all. Rows are merged by k-means; k rows become their mean with log k added
    to the bias, which is right as far as they answer alike. Gives the kernel [features, m], the bias [m], and
    the class of each row, int64 [m], -1 outside.
    """
    from sklearn import cluster as clustering

    kernels, biases, owners = [], [], []
    for owner in range(-1, group.max() + 1):
        own, own_bias = kernel.T[group == owner], bias[group == owner]
        count = min(rows.get(owner, len(own)), len(own))
        cluster = np.arange(len(own))
        if count < len(own):
            means: Any = clustering.KMeans(count, random_state=seed, n_init=4)  # pyright: ignore[reportArgumentType]
            cluster = means.fit_predict(np.concatenate([own, own_bias[:, None]], axis=1))
        for index in range(count):
            members = cluster == index
            kernels.append(own[members].mean(axis=0))
            biases.append(own_bias[members].mean() + np.log(members.sum()))
            owners.append(owner)
    return np.stack(kernels, axis=1), np.array(biases), np.array(owners)
