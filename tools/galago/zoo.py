# SPDX-License-Identifier: MIT
"""Pretrained MobileNets for ImageNet's thousand classes, built into model directories on first use.

    zoo.names()                                     # imagenet-v1-025-128 … imagenet-v2-140-224
    model = zoo.find("imagenet-v1-025-128", print)  # from the cache, or built
    model = zoo.build("imagenet-v1-025-128", print, photos=Path("photos"))

The weights are those of keras.applications, from Keras's cache or downloaded. Models are calibrated on a
folder of photos, or on parts of eight standard photos (galago.dataset.standard_photos), which is nearly as
good.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from galago import imagenet, keras_internals, lazy_tensorflow, models, quantize
from galago.dataset import standard_photos
from galago.errors import GalagoError
from galago.models import ModelDirectory
from galago.resources import cache_dir
from galago.train import network as networks

STANDARD = (
    "calibrated on eight standard photos; four hundred photos like yours may improve the accuracy a little: "
    "galago zoo NAME --calibrate PHOTOS"
)
_LABELS = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"


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
    """Returns the model from Galago's cache, and builds it first if it is not there. Raises as `build`."""
    parts(name)
    if (cache_path(name) / models.CONTRACT).is_file():
        return ModelDirectory.open(cache_path(name))
    return build(name, say)


def build(
    name: str,
    say: Callable[[str], None],
    photos: Path | None = None,
    out: Path | None = None,
    labels: Path | None = None,
    keep_float: bool = False,
) -> ModelDirectory:
    """Builds a model directory, in Galago's cache unless `out` is given; `say` gets a line for each step.

    `labels` is a file as for `label_names`; `keep_float` is that of quantize.build. Raises model.missing,
    train.weights, model.labels, dataset.*.
    """
    architecture, alpha, size = parts(name)
    say(f"{name}: loading weights")
    network = logits(architecture, alpha, size)
    info = quantize.ModelInfo(
        name, label_names(labels, say), extra={"architecture": architecture, "alpha": alpha}
    )
    say(f"{name}: quantizing")
    return quantize.build(
        network,
        photos or standard_photos.views(size),
        out or cache_path(name),
        info,
        keep_float=keep_float,
        warn=say,
    )


def logits(architecture: str, alpha: float, size: int) -> Any:
    """Returns the network with ImageNet's weights, without padding layers, ending in 1000 logits."""
    keras = lazy_tensorflow.keras()
    source = imagenet.network(architecture, alpha, size)
    top = next(layer for layer in reversed(source.layers) if layer.weights)
    body = networks.body(architecture, alpha, size, 0)
    body.set_weights([w for layer in source.layers if layer is not top for w in layer.get_weights()])
    head = keras.layers.Dense(imagenet.CLASSES, name="classes")
    network = keras.Model(body.input, head(body.output), name=architecture)
    kernel, bias = top.get_weights()
    head.set_weights([kernel.reshape(-1, imagenet.CLASSES), bias])
    return network


def label_names(file: Path | None, say: Callable[[str], None]) -> list[str]:
    """Returns a thousand different class names: from a file with one per line, or from Keras.

    If Keras has none and cannot download them, the classes are numbered. Raises model.labels.
    """
    if file is not None:
        if not file.is_file():
            raise GalagoError(
                "model.labels", f"no file {file}: pass ImageNet's 1000 class names, one per line"
            )
        lines = file.read_text().splitlines()
        lines = (
            lines[1:] if len(lines) == imagenet.CLASSES + 1 else lines
        )  # some lists begin with "background"
        if len(lines) != imagenet.CLASSES:
            raise GalagoError(
                "model.labels",
                f"{file}: expected 1000 lines, got {len(lines)}: write one class name per line",
            )
    else:
        lines = _keras_labels(say)
    seen: set[str] = set()
    unique = []
    for index, label in enumerate(lines):
        text = label.strip().replace("_", " ") or f"class {index}"
        unique.append(f"{text} {index}" if text in seen else text)  # there are two cranes
        seen.add(text)
    return unique


def _keras_labels(say: Callable[[str], None]) -> list[str]:
    file = keras_internals.home() / "models" / "imagenet_class_index.json"
    try:
        if not file.is_file():
            with lazy_tensorflow.silence():
                lazy_tensorflow.keras().utils.get_file(file.name, _LABELS, cache_subdir="models")
        table = json.loads(file.read_text())
        return [table[str(i)][1] for i in range(imagenet.CLASSES)]
    except Exception as error:
        # Keras raises a plain Exception if a download fails.
        if type(error) is not Exception and not isinstance(error, OSError | ValueError | KeyError):
            raise
        say(f"ImageNet's class names are missing, classes are numbered: download {_LABELS} to {file.parent}")
        return [f"class {i}" for i in range(imagenet.CLASSES)]
