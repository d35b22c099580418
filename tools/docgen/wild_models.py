# SPDX-License-Identifier: MIT
"""Small models of the kinds that people have, as the programs of their origin write them.

for kind in kinds(data):
    file = kind.make(folder)                    # a path for importer.import_model with kind.options

TensorFlow's converter, tf-keras and onnx make them of one network with seeded weights; the uint8 files are
Google's own, from the folder of test data.
"""

import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from galago import lazy_tensorflow
from galago.dataset.drawn import drawn

SIZE = 32
_LABELS = "cat\ncup\ndog\ntree\n"
_UINT8 = "weights/mobilenet_v1_0.25_128_quant.tflite"


@dataclass(frozen=True)
class Kind:
    """A kind of file, who has such files, and how to make one."""

    name: str
    origin: str
    make: Callable[[Path], Path]
    options: dict[str, Any] = field(default_factory=dict)


def kinds(data: Path) -> Iterator[Kind]:
    """All kinds; those whose file is not in the folder `data` are left out."""
    taken = {"input_range": "0..1"}
    yield Kind(".tflite, int8", "Edge Impulse, TensorFlow Lite Micro", _file("int8"))
    yield Kind(".tflite, uint8 ends", "ST's model zoo, Coral", _file("uint8"))
    yield Kind(".tflite, float32 ends around int8", "tinyengine, students", _file("float32"))
    yield Kind(".tflite, int8 logits", "MLPerf Tiny, students", _file("int8", activation=None))
    yield Kind(".tflite, float32", "TinyMaix, MLPerf Tiny", _file("float"), taken)
    yield Kind(".tflite, float16", "students", _file("float16"), taken)
    yield Kind(".tflite, dynamic range", "students", _file("dynamic"), taken)
    yield Kind("zip with model.tflite and labels.txt", "Teachable Machine", _zipped)
    yield Kind("C array", "Arduino libraries of Edge Impulse", _c_array)
    yield Kind(".keras", "Keras 3", lambda folder: _saved(folder, "n.keras"), taken)
    yield Kind("SavedModel", "TensorFlow Hub, Kaggle", _exported, taken)
    if (data / _UINT8).is_file():
        yield Kind(".tflite, uint8 of TensorFlow 1", "Google, Coral", lambda folder: data / _UINT8)


def photos(folder: Path) -> Path:
    """A folder of drawn pictures for calibration."""
    from PIL import Image

    folder.mkdir()
    for number in range(24):
        Image.fromarray(drawn(number, (SIZE, SIZE, 3))).save(folder / f"{number}.png")
    return folder


@cache
def _network(activation: str | None = "softmax") -> Any:
    """A small MobileNetV1."""
    keras = lazy_tensorflow.keras()
    keras.utils.set_random_seed(3)
    layers = keras.layers
    picture = x = keras.Input((SIZE, SIZE, 3), batch_size=1)
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(x)
    for stride, filters in ((1, 16), (2, 24)):
        x = layers.DepthwiseConv2D(3, stride, padding="same", activation="relu")(x)
        x = layers.Conv2D(filters, 1, activation="relu")(x)
    x = layers.Dense(4, activation, kernel_initializer="random_normal")(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(picture, x)
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel * 60, bias])  # so that the answers differ from picture to picture
    return model


@cache
def _tflite(ends: str, activation: str | None) -> bytes:
    tf = lazy_tensorflow.tensorflow()
    converter = tf.lite.TFLiteConverter.from_keras_model(_network(activation))
    if ends != "float":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if ends == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if "int8" in ends or ends == "float32":
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        pictures = [drawn(number, (SIZE, SIZE, 3)) / np.float32(255) for number in range(24)]
        ranges = [np.zeros((SIZE, SIZE, 3), np.float32), np.ones((SIZE, SIZE, 3), np.float32)]
        converter.representative_dataset = lambda: ([each[None]] for each in (*ranges, *pictures))
        if ends != "float32":
            converter.inference_input_type = converter.inference_output_type = getattr(tf, ends)
    with lazy_tensorflow.silence():
        return converter.convert()


def _file(ends: str, activation: str | None = "softmax") -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        file = folder / "network.tflite"
        file.write_bytes(_tflite(ends, activation))
        return file

    return make


def _zipped(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "converted_tflite_quantized.zip", "w") as file:
        file.writestr("model.tflite", _tflite("uint8", "softmax"))
        file.writestr("labels.txt", "".join(f"{i} {name}\n" for i, name in enumerate(_LABELS.split())))
    return folder / "converted_tflite_quantized.zip"


def _c_array(folder: Path) -> Path:
    numbers = ", ".join(f"0x{byte:02x}" for byte in _tflite("int8", "softmax"))
    (folder / "model.cpp").write_text(
        f"const unsigned char trained_tflite[] = {{{numbers}}};\n", encoding="utf-8"
    )
    return folder / "model.cpp"


def _saved(folder: Path, name: str) -> Path:
    _network().save(folder / name)
    return folder / name


def _exported(folder: Path) -> Path:
    with lazy_tensorflow.silence():
        _network().export(folder / "saved")
    return folder / "saved"
