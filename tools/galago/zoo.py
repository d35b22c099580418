# SPDX-License-Identifier: MIT
"""MobileNets that know ImageNet's thousand classes, built into model directories on first use.

    zoo.names()                                     # imagenet-v1-025-128 … imagenet-v2-140-224
    model = zoo.find("imagenet-v1-025-128", say)    # from the cache, or built
    model = zoo.build("imagenet-v1-025-128", say, photos=Path("photos"))

Weights come from keras.applications (its cache, or a download). Quantization looks at photos of a folder,
or at eight standard ones in parts (galago.dataset.standard_photos), which serve nearly as well.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from galago import imagenet, lazy_tensorflow, models, quantize
from galago.dataset import standard_photos
from galago.errors import GalagoError
from galago.models import ModelDirectory
from galago.resources import cache_dir
from galago.train import network as networks

STANDARD = (
    "calibrated on eight standard photos; four hundred like yours may give a little more accuracy: "
    "galago zoo NAME --calibrate PHOTOS"
)
_LABELS = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"


def names() -> list[str]:
    """Every model that keras.applications has weights for."""
    return [
        f"imagenet-{architecture[-2:]}-{round(alpha * 100):03}-{size}"
        for architecture in imagenet.SIZES
        for alpha in imagenet.ALPHAS[architecture]
        for size in imagenet.SIZES[architecture]
    ]


def parts(name: str) -> tuple[str, float, int]:
    """Architecture, alpha and size of a name; `model.missing` for one that is not in the zoo."""
    found = re.fullmatch(r"imagenet-(v[12])-(\d{3})-(\d+)", name)
    if not found or name not in names():
        raise GalagoError("model.missing", f"no zoo model {name}: galago zoo lists them")
    return f"mobilenet_{found[1]}", int(found[2]) / 100, int(found[3])


def place(name: str) -> Path:
    """Where a built model lies, there or not."""
    return cache_dir() / "zoo" / name


def here(name: str) -> bool:
    """Whether its weights are in Keras's cache, so that no network is needed."""
    return imagenet.weights_file(*parts(name)).is_file()


def find(name: str, say: Callable[[str], None]) -> ModelDirectory:
    """The built model, which is built if there is none."""
    parts(name)
    if (place(name) / models.CONTRACT).is_file():
        return ModelDirectory.open(place(name))
    return build(name, say)


def build(
    name: str,
    say: Callable[[str], None],
    photos: Path | None = None,
    out: Path | None = None,
    labels: Path | None = None,
    keep_float: bool = False,
) -> ModelDirectory:
    """Builds a model directory; `keep_float` as for quantize.build. Raises train.weights, model.labels,
    dataset.*.
    """
    architecture, alpha, size = parts(name)
    say(f"{name}: weights")
    network = logits(architecture, alpha, size)
    say(f"{name}: quantizing")
    return quantize.build(
        network,
        photos or standard_photos.views(size),
        out or place(name),
        name=name,
        labels=label_names(labels, say),
        extra={"architecture": architecture, "alpha": alpha},
        warn=say,
        keep_float=keep_float,
    )


def logits(architecture: str, alpha: float, size: int) -> Any:
    """The network with ImageNet's weights, without padding layers, ending in 1000 logits."""
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
    """A thousand different names: of a file with a line each, or Keras's; numbered where neither is there."""
    if file is not None:
        if not file.is_file():
            raise GalagoError("model.labels", f"no file {file}: wanted a name of ImageNet's classes per line")
        found = file.read_text().splitlines()
        found = found[1:] if len(found) == imagenet.CLASSES + 1 else found  # 0 is "background" in some lists
        if len(found) != imagenet.CLASSES:
            raise GalagoError("model.labels", f"{file}: wanted 1000 lines, got {len(found)}")
    else:
        found = _keras_labels(say)
    seen: set[str] = set()
    unique = []
    for index, label in enumerate(found):
        text = label.strip().replace("_", " ") or f"class {index}"
        unique.append(f"{text} {index}" if text in seen else text)  # two cranes, two maillots
        seen.add(text)
    return unique


def _keras_labels(say: Callable[[str], None]) -> list[str]:
    file = (
        Path(lazy_tensorflow.keras().src.backend.config.keras_home()) / "models" / "imagenet_class_index.json"
    )
    try:
        if not file.is_file():
            with lazy_tensorflow.silence():
                lazy_tensorflow.keras().utils.get_file(file.name, _LABELS, cache_subdir="models")
        table = json.loads(file.read_text())
        return [table[str(i)][1] for i in range(imagenet.CLASSES)]
    except Exception as error:
        # Keras raises plain Exception where a download fails.
        if type(error) is not Exception and not isinstance(error, OSError | ValueError | KeyError):
            raise
        say(f"no names of ImageNet's classes, they are numbered: download {_LABELS} to {file.parent}")
        return [f"class {i}" for i in range(imagenet.CLASSES)]
