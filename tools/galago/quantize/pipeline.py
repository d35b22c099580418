# SPDX-License-Identifier: MIT
"""From a Keras model to a model directory: check, convert, refine, measure, write.

model = build(network, Path("photos"), Path("models/mine"), ModelInfo("mine", unknown_below=0.3))
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from galago import dataset, lazy_tensorflow, models, pictures
from galago.errors import GalagoError
from galago.models import ModelDirectory
from galago.quantize import refine
from galago.quantize.calibration import (
    CALIBRATION_PHOTOS,
    calibration_pixels,
    evenly_spread,
    with_black_and_white,
)
from galago.quantize.conversion import INPUT, OUTPUT, check_tflite, convert, convert_float
from galago.quantize.keras_model import check_weights, input_shape, load, with_softmax
from galago.quantize.measurement import measure
from galago.runtimes import canmv_k230
from galago.tflite.edit import without_names


@dataclass(frozen=True)
class ModelInfo:
    """What model.json says about a model that cannot be read from the network.

    `labels` default to the names of the calibration folder's sub-folders. `extra` is copied into model.json
    (architecture and alpha, for example).
    """

    name: str
    labels: list[str] | None = None
    resize: pictures.Resize = "crop"
    unknown_below: float = 0.0
    extra: dict[str, Any] = field(default_factory=dict)


def build(
    network: Any,
    photos: Path | np.ndarray,
    out: Path,
    info: ModelInfo,
    *,
    keep_float: bool = False,
    improve: Callable[[bytes, bytes], bytes] | None = None,
    warn: Callable[[str], None] = print,
) -> ModelDirectory:
    """Quantizes a Keras model (an object, or the path of a .keras or .h5 file); writes its model directory.

    `photos` is a folder of calibration photos, or their pixels, uint8 [n, height, width, channels]. At most
    CALIBRATION_PHOTOS of them are used, evenly spread; `warn` gets a line for each unreadable one.
    `keep_float` also writes the float model and the calibration pictures, for compilers that quantize by
    themselves.
    `improve(int8, float)` gets both models as .tflite bytes and returns the int8 model to write. Raises
    model.missing, model.malformed, model.quantization, model.labels, model.operator, dataset.*.
    """
    if isinstance(network, str | Path):
        network = load(Path(network))
    check_weights(network)
    network = with_softmax(network)
    shape = input_shape(network)
    labels = _labels(info, photos, network.outputs[0].shape[-1])
    if isinstance(photos, Path):
        pixels = calibration_pixels(dataset.picture_files(photos), shape, info.resize, warn)
    else:
        pixels = with_black_and_white(evenly_spread(photos, CALIBRATION_PHOTOS))
    float_model = convert_float(network)
    tflite = convert(network, pixels)
    lazy_tensorflow.release_memory()
    tflite = refine.refine(tflite, float_model, pixels[2:])
    if improve:
        tflite = improve(tflite, float_model)
        check_tflite(tflite)
    tflite = without_names(tflite)
    model = models.write(out, tflite, contract(info, labels, shape) | measure(tflite, shape))
    if keep_float:
        (model.path / canmv_k230.FLOAT).write_bytes(float_model)
        np.save(model.path / canmv_k230.CALIBRATION, pixels)
    return model


def _labels(info: ModelInfo, photos: Path | np.ndarray, outputs: int) -> list[str]:
    labels = info.labels
    if labels is None:
        labels = dataset.from_subfolders(photos).names if isinstance(photos, Path) else []
    if len(labels) != outputs:
        raise GalagoError(
            "model.labels",
            f"{outputs} outputs but {len(labels)} labels: pass one line per output with --labels",
        )
    return labels


def contract(info: ModelInfo, labels: list[str], shape: tuple[int, int, int]) -> dict[str, Any]:
    """Returns model.json without the measured entries; `shape` is (height, width, channels)."""
    height, width, channels = shape
    return {
        "name": info.name,
        **info.extra,
        "input": {
            "height": height,
            "width": width,
            "channels": channels,
            "color": "rgb" if channels == 3 else "grey",
            "resize": info.resize,
            "scale": INPUT[0],
            "zero_point": INPUT[1],
        },
        "output": {"scale": OUTPUT[0], "zero_point": OUTPUT[1], "activation": "softmax"},
        "labels": labels,
        "unknown_below": info.unknown_below,
    }
