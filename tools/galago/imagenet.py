# SPDX-License-Identifier: MIT
"""MobileNets of keras.applications with ImageNet weights, from Keras's cache or downloaded by Keras.

    imagenet.network("mobilenet_v1", alpha=0.25, size=128)              # ends in 1000 probabilities
    imagenet.network("mobilenet_v1", 0.25, 128, top=False)              # ends in feature maps
    imagenet.weights_file("mobilenet_v1", 0.25, 128)                    # the path in Keras's cache

All take (pixel - 128) / 128, which differs from their own scaling, x / 127.5 - 1, by less than 1/128.
"""

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galago import keras_internals, lazy_tensorflow
from galago.errors import GalagoError

if TYPE_CHECKING:
    import numpy as np

CLASSES = 1000
SIZES = {"mobilenet_v1": (128, 160, 192, 224), "mobilenet_v2": (96, 128, 160, 192, 224)}
ALPHAS = {"mobilenet_v1": (0.25, 0.5, 0.75, 1.0), "mobilenet_v2": (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)}
_URL = "https://storage.googleapis.com/tensorflow/keras-applications"


def wider(architecture: str, alpha: float) -> float | None:
    """Returns the next larger alpha for which there are ImageNet weights; None if there is none."""
    return min((each for each in ALPHAS.get(architecture, ()) if each > alpha), default=None)


def groups(classes: Any) -> "np.ndarray":
    """Returns the class of each ImageNet number, int64 [1000], -1 outside of all.

    `classes` maps a name to numbers or ranges: {"cat": ["281-285"], "bicycle": [444, 671]}. Raises
    config.invalid for anything else, and for a number that is in two classes.
    """
    import numpy as np  # here, so that `galago fit`, which needs ALPHAS alone, starts sooner

    group = np.full(CLASSES, -1)
    if not isinstance(classes, dict) or not all(isinstance(parts, list) for parts in classes.values()):
        raise GalagoError(
            "config.invalid", "classes: expected a table with a list of numbers for each class: correct it"
        )
    for index, (name, parts) in enumerate(classes.items()):
        for part in (str(each)[:40] for each in parts):
            match = re.fullmatch(r"([0-9]{1,6})(?:-([0-9]{1,6}))?", part)
            if not match:
                raise GalagoError(
                    "config.invalid",
                    f"class {name}: expected a number or a range such as 7-24, got {part!r}: correct it",
                )
            numbers = range(int(match[1]), int(match[2] or match[1]) + 1)
            if not numbers or numbers[-1] >= CLASSES:
                raise GalagoError(
                    "config.invalid",
                    f"class {name}: expected numbers from 0 to {CLASSES - 1}, got {part}: correct it",
                )
            taken = [n for n in numbers if group[n] >= 0]
            if taken:
                raise GalagoError(
                    "config.invalid", f"class {name}: {taken[0]} is in another class too: remove it from one"
                )
            group[numbers] = index
    return group


def recipe_groups(recipe: Path, labels: list[str]) -> "np.ndarray | None":
    """Returns the `groups` of a recipe.toml, int64 [1000]; None if its classes are not `labels`."""
    try:
        classes = tomllib.loads(recipe.read_text(encoding="utf-8")).get("classes")
    except (OSError, ValueError, RecursionError):  # ValueError: not TOML, not UTF-8, a number of 5,000 digits
        return None
    return groups(classes) if isinstance(classes, dict) and list(classes) == labels else None


def application(architecture: str) -> Any:
    """Returns the function of keras.applications that builds an architecture.

    Raises config.invalid for an unknown architecture.
    """
    require(architecture)
    keras = lazy_tensorflow.keras()
    builders = {"mobilenet_v1": keras.applications.MobileNet, "mobilenet_v2": keras.applications.MobileNetV2}
    return builders[architecture]


def require(architecture: str) -> None:
    """Raises config.invalid for an unknown architecture."""
    if architecture not in ALPHAS:
        raise GalagoError(
            "config.invalid",
            f"expected architecture {' or '.join(ALPHAS)}, got {architecture!r}: use one of them",
        )


def network(architecture: str, alpha: float, size: int, top: bool = True) -> Any:
    """Returns the network with its ImageNet weights; `top` is the classifier with its 1000 probabilities.

    Raises train.weights, which says what to download if the weights are missing.
    """
    builder = application(architecture)
    if alpha not in ALPHAS[architecture] or size not in SIZES[architecture]:
        alphas, sizes = (", ".join(f"{x:g}" for x in each[architecture]) for each in (ALPHAS, SIZES))
        raise GalagoError(
            "train.weights",
            f"no ImageNet weights of {architecture} alpha {alpha:g} at {size}: use one of the alphas "
            f"{alphas} at sizes {sizes}, or train --from-scratch",
        )
    file = weights_file(architecture, alpha, size, top)
    try:
        with lazy_tensorflow.silence():
            return builder(input_shape=(size, size, 3), alpha=alpha, weights="imagenet", include_top=top)
    except Exception as error:
        # Keras raises a plain Exception if a download fails; other kinds are not about weights.
        if type(error) is not Exception and not isinstance(error, OSError | ValueError):
            raise
        reason = " ".join(str(error).split())[:80]
        raise GalagoError(
            "train.weights",
            f"no ImageNet weights of {architecture} {alpha:g} at {size} ({reason}): "
            f"download {_URL}/{_folder(architecture)}/{file.name} to {file.parent}, or train --from-scratch",
        ) from error


def weights_file(architecture: str, alpha: float, size: int, top: bool = True) -> Path:
    """Returns the path of the weights in Keras's cache, whether or not they are there."""
    ending = "" if top else "_no_top"
    if architecture == "mobilenet_v1":
        text = {0.25: "2_5", 0.5: "5_0", 0.75: "7_5", 1.0: "1_0"}.get(alpha, "none")
        name = f"mobilenet_{text}_{size}_tf{ending}.h5"
    else:
        name = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{float(alpha)}_{size}{ending}.h5"
    return keras_internals.home() / "models" / name


def nearest_size(architecture: str, alpha: float, size: int) -> int:
    """Returns the size of the weights to start from: the nearest in Keras's cache, else the nearest of all.

    Raises config.invalid for an unknown architecture.
    """
    require(architecture)
    nearest = sorted(SIZES[architecture], key=lambda one: (abs(one - size), -one))
    cached = [one for one in nearest if weights_file(architecture, alpha, one, top=False).is_file()]
    return (cached or nearest)[0]


def _folder(architecture: str) -> str:
    return "mobilenet" if architecture == "mobilenet_v1" else "mobilenet_v2"
