# SPDX-License-Identifier: MIT
"""Networks larger than the shipped ones: Keras' ImageNet weights, quantized as `galago quantize` does.

    model = mobilenets.model("v2_035_96", data, folder)        # bytes of a .tflite

Quantizing one takes up to a minute, so the folder, such as one of pytest's cache, keeps the result.

The test data has no classifier of V2 0.35 at 96 pixels: it gets 20 classes of random weights.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from galago import lazy_tensorflow, quantize

NETWORKS = {  # name: version, alpha, size; inputs to compare in a test, where `make wild` compares 200
    "v2_035_96": (2, 0.35, 96, 12),
    "v1_050_160": (1, 0.5, 160, 4),
    "v1_100_224": (1, 1.0, 224, 1),
    "v2_100_224": (2, 1.0, 224, 1),
}


def photos(data: Path, size: int, count: int) -> np.ndarray:
    """Returns the first `count` validation photos, resized: uint8 [count, size, size, 3], RGB."""
    paths = sorted((data / "images" / "imagenet_val650").glob("*.*"))
    paths = [path for path in paths if path.suffix.lower() in (".jpg", ".jpeg", ".png")][:count]
    pictures = []
    for path in paths:
        with Image.open(path) as image:
            pictures.append(np.asarray(image.convert("RGB").resize((size, size)), np.uint8))
    return np.stack(pictures)


def model(name: str, data: Path, folder: Path) -> bytes:
    """Returns the .tflite of one of NETWORKS from a folder, or builds it first."""
    cached = folder / f"{name}.tflite"
    if not cached.exists():
        part = cached.with_suffix(f".{os.getpid()}")  # another pytest-xdist worker may build the same
        part.write_bytes(build(name, data))
        part.replace(cached)
    return cached.read_bytes()


def build(name: str, data: Path) -> bytes:
    """Builds the full-int8 .tflite of one of NETWORKS, with the weights in KERAS_HOME (tests/conftest.py)."""
    version, alpha, size, _ = NETWORKS[name]
    lazy_tensorflow.tensorflow()
    import keras

    keras.utils.set_random_seed(1)
    pictures = photos(data, size, 32)
    pixels = np.concatenate(
        [np.stack([np.zeros_like(pictures[0]), np.full_like(pictures[0], 255)]), pictures]
    )
    network: Any = keras.applications.MobileNet if version == 1 else keras.applications.MobileNetV2
    if size != 96:
        return quantize.convert(network((size, size, 3), alpha=alpha), pixels)
    body = network((size, size, 3), alpha=alpha, include_top=False, pooling="avg")
    head = keras.layers.Dense(20, "softmax", kernel_initializer="glorot_uniform")(body.output)
    return quantize.convert(keras.Model(body.input, head), pixels)
