# SPDX-License-Identifier: MIT
"""Pretrained MobileNets for ImageNet's thousand classes, built into model directories on first use.

    zoo.names()                                     # imagenet-v1-025-128 … imagenet-v2-140-224
    model = zoo.find("imagenet-v1-025-128", print)  # from the cache, or built
    model = building.build("imagenet-v1-025-128", print, photos=Path("photos"))

The weights are those of keras.applications, from Keras's cache or downloaded. This file needs no TensorFlow;
`building` does.
"""

import re
from collections.abc import Callable
from pathlib import Path

from galago import imagenet, models
from galago.errors import GalagoError
from galago.models import ModelDirectory
from galago.resources import cache_dir

STANDARD = (
    "calibrated on eight standard photos; four hundred photos like yours may improve the accuracy a little: "
    "galago zoo NAME --calibrate PHOTOS"
)


def names() -> list[str]:
    """Returns the names of all models that keras.applications has weights for."""
    return [
        f"imagenet-{architecture[-2:]}-{round(alpha * 100):03}-{size}"
        for architecture in imagenet.SIZES
        for alpha in imagenet.ALPHAS[architecture]
        for size in imagenet.SIZES[architecture]
    ]


def parts(name: str) -> tuple[str, float, int]:
    """Returns architecture, alpha and size of a name. Raises model.missing if it is not in the zoo."""
    match = re.fullmatch(r"imagenet-(v[12])-(\d{3})-(\d+)", name)
    if not match or name not in names():
        raise GalagoError("model.missing", f"no zoo model {name}: galago zoo lists them")
    return f"mobilenet_{match[1]}", int(match[2]) / 100, int(match[3])


def cache_path(name: str) -> Path:
    """Returns the model directory in Galago's cache, whether or not the model has been built."""
    return cache_dir() / "zoo" / name


def has_weights(name: str) -> bool:
    """Tells whether the weights are in Keras's cache, so that building needs no download."""
    return imagenet.weights_file(*parts(name)).is_file()


def find(name: str, say: Callable[[str], None]) -> ModelDirectory:
    """Returns the model from Galago's cache, and builds it first if it is not there.

    Raises as `building.build`.
    """
    parts(name)
    if (cache_path(name) / models.CONTRACT).is_file():
        return ModelDirectory.open(cache_path(name))
    from galago.zoo import building

    return building.build(name, say)
