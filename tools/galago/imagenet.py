# SPDX-License-Identifier: MIT
"""MobileNets of keras.applications with ImageNet weights: from Keras's cache, or downloaded by Keras.

    imagenet.network("mobilenet_v1", alpha=0.25, size=128)              # ends in 1000 probabilities
    imagenet.network("mobilenet_v1", 0.25, 128, top=False)              # ends in feature maps
    imagenet.weights_file("mobilenet_v1", 0.25, 128)                    # where the cache has them, or would

All take (pixel - 128) / 128, which their own x / 127.5 - 1 equals to within 1/128.
"""

import tomllib
from pathlib import Path
from typing import Any

import numpy as np

from galago import lazy_tensorflow
from galago.errors import GalagoError

CLASSES = 1000
SIZES = {"mobilenet_v1": (128, 160, 192, 224), "mobilenet_v2": (96, 128, 160, 192, 224)}
ALPHAS = {"mobilenet_v1": (0.25, 0.5, 0.75, 1.0), "mobilenet_v2": (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)}
_URL = "https://storage.googleapis.com/tensorflow/keras-applications"


def groups(classes: dict[str, list[int | str]]) -> np.ndarray:
    """The class of each ImageNet number, int64 [1000], -1 outside of all.

    `classes` maps a name to numbers or ranges: {"cat": ["281-285"], "bicycle": [444, 671]}. Raises
    config.invalid where a number is not one or is in two classes.
    """
    group = np.full(CLASSES, -1)
    for index, (name, parts) in enumerate(classes.items()):
        for part in map(str, parts):
            first, dash, last = part.partition("-")
            if not first.isdigit() or not (last if dash else first).isdigit():
                raise GalagoError("config.invalid", f"class {name}: wanted 7 or 7-24, got {part!r}")
            numbers = range(int(first), int(last or first) + 1)
            if not numbers or numbers[-1] >= CLASSES:
                raise GalagoError("config.invalid", f"class {name}: {part} is not within 0-{CLASSES - 1}")
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


def application(architecture: str) -> Any:
    """The function of keras.applications that builds an architecture; `config.invalid` for unknown ones."""
    keras = lazy_tensorflow.keras()
    makers = {"mobilenet_v1": keras.applications.MobileNet, "mobilenet_v2": keras.applications.MobileNetV2}
    if architecture not in makers:
        raise GalagoError("config.invalid", f"architecture {architecture!r}: wanted {' or '.join(makers)}")
    return makers[architecture]


def network(architecture: str, alpha: float, size: int, top: bool = True) -> Any:
    """The network with its ImageNet weights; `train.weights` says what to download where there are none."""
    maker = application(architecture)
    if alpha not in ALPHAS[architecture] or size not in SIZES[architecture]:
        alphas, sizes = (", ".join(f"{x:g}" for x in each[architecture]) for each in (ALPHAS, SIZES))
        raise GalagoError(
            "train.weights",
            f"no ImageNet weights of {architecture} alpha {alpha:g} at {size}: there are alphas {alphas} "
            f"at sizes {sizes}; or train --from-scratch",
        )
    file = weights_file(architecture, alpha, size, top)
    try:
        with lazy_tensorflow.silence():
            return maker(input_shape=(size, size, 3), alpha=alpha, weights="imagenet", include_top=top)
    except Exception as error:
        # Keras raises plain Exception where a download fails; what else it raises is for others to explain.
        if type(error) is not Exception and not isinstance(error, OSError | ValueError):
            raise
        reason = " ".join(str(error).split())[:80]
        raise GalagoError(
            "train.weights",
            f"no ImageNet weights of {architecture} {alpha:g} at {size} ({reason}): "
            f"download {_URL}/{_folder(architecture)}/{file.name} to {file.parent}, or train --from-scratch",
        ) from error


def weights_file(architecture: str, alpha: float, size: int, top: bool = True) -> Path:
    """Where Keras's cache keeps the weights, there or not."""
    ending = "" if top else "_no_top"
    if architecture == "mobilenet_v1":
        text = {0.25: "2_5", 0.5: "5_0", 0.75: "7_5", 1.0: "1_0"}.get(alpha, "none")
        name = f"mobilenet_{text}_{size}_tf{ending}.h5"
    else:
        name = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{float(alpha)}_{size}{ending}.h5"
    return Path(lazy_tensorflow.keras().src.backend.config.keras_home()) / "models" / name


def nearest_size(architecture: str, alpha: float, size: int) -> int:
    """The size whose weights to start from: the nearest to `size` in the cache, else the nearest there is."""
    application(architecture)
    near = sorted(SIZES[architecture], key=lambda one: (abs(one - size), -one))
    here = [one for one in near if weights_file(architecture, alpha, one, top=False).is_file()]
    return (here or near)[0]


def _folder(architecture: str) -> str:
    return "mobilenet" if architecture == "mobilenet_v1" else "mobilenet_v2"
