# SPDX-License-Identifier: MIT
"""Builds a model directory from weights of keras.applications.

    model = build("imagenet-v1-025-128", print, photos=Path("photos"))

Models are calibrated on a folder of photos, or on parts of eight standard photos
(galago.dataset.standard_photos), which is nearly as good.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from galago import imagenet, keras_internals, labels, lazy_tensorflow, quantize
from galago.dataset import standard_photos
from galago.models import ModelDirectory
from galago.resources import require_cache
from galago.train import network as networks
from galago.zoo import cache_path, parts

_LABELS = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"


def build(
    name: str,
    say: Callable[[str], None],
    photos: Path | None = None,
    out: Path | None = None,
    label_file: Path | None = None,
    keep_float: bool = False,
) -> ModelDirectory:
    """Builds a model directory, in Galago's cache unless `out` is given; `say` gets a line for each step.

    `label_file` is as for `label_names`; `keep_float` is that of quantize.build. Raises model.missing,
    train.weights, model.labels, dataset.*.
    """
    architecture, alpha, size = parts(name)
    if out is None:
        require_cache()
    names = label_names(label_file, say)
    say(f"{name}: loading weights")
    network = logits(architecture, alpha, size)
    info = quantize.ModelInfo(name, names, extra={"architecture": architecture, "alpha": alpha})
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
    """Returns a thousand different class names: from a file as `labels.read` takes it, or from Keras.

    If Keras has none and cannot download them, the classes are numbered. Raises model.labels.
    """
    names = labels.read(file) if file else _keras_labels(say)
    names = [name.replace("_", " ") for name in names]
    return labels.matched(names, imagenet.CLASSES, str(file or "Keras's names"))[0]


def _keras_labels(say: Callable[[str], None]) -> list[str]:
    file = keras_internals.home() / "models" / "imagenet_class_index.json"
    try:
        if not file.is_file():
            with lazy_tensorflow.silence():
                lazy_tensorflow.keras().utils.get_file(file.name, _LABELS, cache_subdir="models")
        table = json.loads(file.read_text(encoding="utf-8"))
        return [table[str(i)][1] for i in range(imagenet.CLASSES)]
    except Exception as error:
        # Keras raises a plain Exception if a download fails.
        if type(error) is not Exception and not isinstance(error, OSError | ValueError | KeyError):
            raise
        say(f"ImageNet's class names are missing, classes are numbered: download {_LABELS} to {file.parent}")
        return labels.numbered(imagenet.CLASSES)
