# SPDX-License-Identifier: MIT
"""The int8 networks that the K210 compiler is measured with, built with Keras from the test data.

    network = CompiledNetwork.load(path("v1_025_128", Path("build/k210"), data))

Networks with ImageNet weights in the test data use them. The others have random weights, and their BatchNorm
statistics come from pictures: good for sizes, memory and arithmetic, not for accuracy.
"""

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from galago import dataset, lazy_tensorflow, pictures, quantize
from galago.targets.k210.compiler import Compiled, compile_model
from galago.tflite.graph import Graph, Operator

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
DENSE = ("FULLY_CONNECTED", "CONV_2D")
"""Operators that may be dense layers."""
_CALIBRATION = 100  # pictures


@dataclass
class CompiledNetwork:
    """A .tflite and its kmodel."""

    path: Path
    data: bytes
    graph: Graph
    compiled: Compiled
    kmodel_bytes: int
    compile_seconds: float
    """Processor time."""

    @classmethod
    def load(cls, path: Path) -> "CompiledNetwork":
        """Reads and compiles a .tflite."""
        data, start = path.read_bytes(), time.process_time()
        compiled = compile_model(data)
        size = len(compiled.model.write())
        return cls(path, data, Graph.read(data), compiled, size, time.process_time() - start)

    @property
    def name(self) -> str:
        """The name in tables."""
        version, alpha, size, _ = NETWORKS.get(self.path.stem, (0, 0, 0, None))
        return f"V{version} {alpha:g} at {size}" if version else self.path.stem

    def logits(self) -> tuple[int, float, int]:
        """Returns the tensor of the logits as a layer computes it, and their scale and zero point."""
        (softmax,) = [one for one in self.graph.operators if one.kind == "SOFTMAX"]
        tensor = self.graph.tensors[softmax.inputs[0]]
        computed = next(one.output for one in self.graph.operators if self._is_last(one))
        return computed, tensor.scale, tensor.zero_point

    def _is_last(self, operator: Operator) -> bool:
        """Returns whether only reshaping and softmax follow a dense layer."""
        users = self.graph.users(operator.output)
        return operator.kind in (*DENSE, "RESHAPE") and all(
            one.kind == "SOFTMAX" or (one.kind == "RESHAPE" and self._is_last(one)) for one in users
        )


def path(name: str, folder: Path, data: Path) -> Path:
    """Returns the .tflite of one of NETWORKS in `folder`, and builds it if it is missing."""
    file = folder / f"{name}.tflite"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}")
        part.write_bytes(_build(name, data, folder / "keras"))
        part.rename(file)
    return file


def _build(name: str, data: Path, keras_home: Path) -> bytes:
    """Builds a network with Keras; `keras_home` becomes a writable copy of its cache of weights."""
    version, alpha, size, weights = NETWORKS[name]
    if not keras_home.exists():
        shutil.copytree(data / "keras", keras_home, copy_function=shutil.copyfile)
    os.environ["KERAS_HOME"] = str(keras_home)  # read when Keras is first imported
    tf = lazy_tensorflow.tensorflow()
    import keras

    tf.keras.utils.set_random_seed(1)
    paths = dataset.picture_files(data / "images" / "imagenet_samples")[:: 1000 // _CALIBRATION]
    photos = [pictures.resize(rgb, size, size) for _, rgb in dataset.read(paths, print)]
    pixels = np.stack([np.zeros((size, size, 3), np.uint8), np.full((size, size, 3), 255, np.uint8), *photos])
    architecture = keras.applications.MobileNet if version == 1 else keras.applications.MobileNetV2
    network = architecture((size, size, 3), alpha=alpha, weights=weights)
    if weights is None:
        _set_batch_norm_statistics(network, (pixels[2:34].astype(np.float32) - 128) / 128)
    return quantize.convert(network, pixels)


def _set_batch_norm_statistics(network, batch: np.ndarray) -> None:
    """Takes the statistics of every BatchNorm from a batch, so that signals neither vanish nor explode."""
    import keras

    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    network(batch, training=True)
