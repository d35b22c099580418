# SPDX-License-Identifier: MIT
"""The int8 networks that the K210 compiler is measured with, from Keras and the test data.

    python tests/k210/networks.py FOLDER [NAME ...]      # writes NAME.tflite for each that is not there yet

Networks with ImageNet weights in the test data use them. The others are drawn at random, their BatchNorm
statistics taken from pictures: good for sizes, memory and arithmetic, not for accuracy.
"""

import os
import shutil
import sys
from pathlib import Path

import numpy as np

from galago import dataset, lazy_tensorflow, pictures, quantize

NETWORKS = {  # name: version, alpha, size, weights
    "v1_025_96": (1, 0.25, 96, None),
    "v1_025_128": (1, 0.25, 128, "imagenet"),
    "v1_050_160": (1, 0.5, 160, "imagenet"),
    "v1_075_224": (1, 0.75, 224, None),
    "v1_100_224": (1, 1.0, 224, "imagenet"),
    "v2_035_96": (2, 0.35, 96, None),
    "v2_035_128": (2, 0.35, 128, None),
    "v2_035_160": (2, 0.35, 160, None),
    "v2_035_192": (2, 0.35, 192, None),
    "v2_035_224": (2, 0.35, 224, None),
    "v2_100_224": (2, 1.0, 224, "imagenet"),
}
DATA = Path(os.environ.get("GALAGO_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
CALIBRATION = 100  # pictures


def path(name: str, folder: Path, data: Path = DATA) -> Path:
    """The .tflite of one of NETWORKS in `folder`, built if it is not there."""
    file = folder / f"{name}.tflite"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}")
        part.write_bytes(build(name, data, folder / "keras"))
        part.rename(file)
    return file


def build(name: str, data: Path, keras_home: Path) -> bytes:
    """Builds with Keras; `keras_home` becomes a writable copy of its cache of weights."""
    version, alpha, size, weights = NETWORKS[name]
    if not keras_home.exists():
        shutil.copytree(data / "keras", keras_home, copy_function=shutil.copyfile)
    os.environ["KERAS_HOME"] = str(keras_home)  # read when Keras is first imported
    tf = lazy_tensorflow.tensorflow()
    import keras

    tf.keras.utils.set_random_seed(1)
    paths = dataset.found(data / "images" / "imagenet_samples")[:: 1000 // CALIBRATION]
    photos = [pictures.resize(rgb, size, size) for _, rgb in dataset.read(paths, print)]
    pixels = np.stack([np.zeros((size, size, 3), np.uint8), np.full((size, size, 3), 255, np.uint8), *photos])
    kind = keras.applications.MobileNet if version == 1 else keras.applications.MobileNetV2
    network = kind((size, size, 3), alpha=alpha, weights=weights)
    if weights is None:
        _settle(network, (pixels[2:34].astype(np.float32) - 128) / 128)
    return quantize.convert(network, pixels)


def _settle(network, batch: np.ndarray) -> None:
    """Takes the statistics of every BatchNorm from a batch, so that signals neither fade nor explode."""
    import keras

    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    network(batch, training=True)


if __name__ == "__main__":
    for wanted in sys.argv[2:] or NETWORKS:
        print(path(wanted, Path(sys.argv[1])))
