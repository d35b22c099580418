# SPDX-License-Identifier: MIT
"""Keras model and calibration photos in, model directory with a full-int8 TFLite model out.

    model = quantize.build("network.keras", "photos", "models/mine", labels=["cat", "cup"])

The result takes int8 = pixel - 128 (input scale 1/128, zero point 0: calibration always holds one black and
one white picture), one picture at a time, has per-channel symmetric weights, and ends in a softmax (output
scale 1/256, zero point -128). Its golden outputs come from TensorFlow Lite Micro.
"""

import hashlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from galago import dataset, lazy_tensorflow, micropython, models, pictures
from galago.errors import GalagoError
from galago.models import ModelDirectory
from galago.quantize import refine
from galago.resources import firmware_dir
from galago.runtimes import canmv_k230
from galago.tflite import summary as operators
from galago.tflite.tflm import Tflm

INPUT = (1 / 128, 0)
OUTPUT = (1 / 256, -128)
GOLDEN = (0, 1, 2, 3, 4, 5)  # numbers of models.pattern
_DEAD = 1e-8  # a largest weight below it: TensorFlow Lite Micro ends the process over such scales
CALIBRATE = 400  # pictures; with 200 int8 is a little further from float, more bring no more


def build(
    network: Any,
    photos: Path | np.ndarray,
    out: Path,
    *,
    name: str,
    labels: list[str] | None = None,
    resize: pictures.Resize = "crop",
    unknown_below: float = 0.0,
    extra: dict[str, Any] | None = None,
    limit: int = CALIBRATE,
    warn: Callable[[str], None] = print,
    keep_float: bool = False,
    improve: Callable[[bytes, bytes], bytes] | None = None,
) -> ModelDirectory:
    """Quantizes a Keras model (an object, or a .keras or .h5 file) and writes its model directory.

    `photos` is a folder of calibration pictures, of which `limit` are used, evenly spread; one that cannot
    be read is named to `warn` and skipped. Or it is their pixels, uint8 [n, height, width, channels].
    `labels` default to the sub-folders of `photos`. `extra` goes into the contract as it is (architecture,
    alpha). `keep_float` also leaves the float model and the calibration pictures in the directory. `improve`
    gets the int8 model and its float twin, both .tflite, and gives the int8 model to write. Raises
    model.malformed, .quantization or .labels, dataset.*.
    """
    if isinstance(network, str | Path):
        network = load(Path(network))
    check_weights(network)
    network = with_softmax(network)
    height, width, channels = input_shape(network)
    if labels is None:
        labels = dataset.folders(photos).names if isinstance(photos, Path) else []
    outputs = network.outputs[0].shape[-1]
    if len(labels) != outputs:
        raise GalagoError(
            "model.labels",
            f"{outputs} outputs but {len(labels)} labels: give one line per output with --labels",
        )
    if isinstance(photos, Path):
        pixels = calibration(dataset.found(photos), (height, width, channels), resize, limit, warn)
    else:
        pixels = with_ends(spread(photos, limit))
    plain = convert_float(network)
    tflite = refine.refine(convert(network, pixels), plain, pixels[2:])
    if improve:
        tflite = improve(tflite, plain)
        check(tflite)
    contract = {
        "name": name,
        **(extra or {}),
        "input": {
            "height": height,
            "width": width,
            "channels": channels,
            "color": "rgb" if channels == 3 else "grey",
            "resize": resize,
            "scale": INPUT[0],
            "zero_point": INPUT[1],
        },
        "output": {"scale": OUTPUT[0], "zero_point": OUTPUT[1], "activation": "softmax"},
        "labels": labels,
        "unknown_below": unknown_below,
        **measured(tflite, (height, width, channels)),
    }
    model = models.write(out, tflite, contract)
    if keep_float:  # for compilers that quantize by themselves
        (model.path / canmv_k230.FLOAT).write_bytes(plain)
        np.save(model.path / canmv_k230.CALIBRATION, pixels)
    return model


def load(path: Path) -> Any:
    """The Keras model of a file; `model.missing` or `model.malformed`."""
    keras = lazy_tensorflow.keras()
    if not path.is_file():
        raise GalagoError("model.missing", f"no file {path}: give a .keras or .h5 model")
    try:
        return keras.models.load_model(path, compile=False)
    except (ValueError, TypeError, OSError, KeyError, AttributeError, ImportError) as error:
        reason = " ".join(str(error).split())[:160]
        raise GalagoError(
            "model.malformed",
            f"{path} is no model for Keras {keras.__version__} ({reason}): save it as .keras",
        ) from error


def check_weights(network: Any) -> None:
    """Raises model.malformed for a layer with weights that are no numbers, or all zero."""
    for layer in network._flatten_layers():
        weights = layer.get_weights()
        zero = hasattr(layer, "kernel") and np.abs(weights[0]).max() < _DEAD
        if zero or not all(np.isfinite(values).all() for values in weights):
            raise GalagoError(
                "model.malformed",
                f"layer {layer.name}: {'all weights are zero' if zero else 'some weights are no numbers'}: "
                "the training went astray, repeat it with a lower rate",
            )


def input_shape(network: Any) -> tuple[int, int, int]:
    """Height, width and channels of a Keras model that takes pictures; `model.quantization` for others."""
    keras = lazy_tensorflow.keras()
    shape = tuple(network.inputs[0].shape)
    if len(network.inputs) != 1 or len(shape) != 4 or None in shape[1:] or shape[3] not in (1, 3):
        raise GalagoError(
            "model.quantization",
            f"input shape {shape}: wanted one input (batch, height, width, 1 or 3), sizes fixed: build it so",
        )
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.Rescaling | keras.layers.Normalization):
            raise GalagoError(
                "model.quantization",
                f"layer {layer.name} ({type(layer).__name__}) means that the model takes other values than "
                "(pixel - 128) / 128: train it on those, without the layer",
            )
    return shape[1:]


def with_softmax(network: Any) -> Any:
    """The model, ended by a softmax if it gives logits; `model.quantization` if it ends in something else."""
    keras = lazy_tensorflow.keras()
    shape = tuple(network.outputs[0].shape)
    if len(network.outputs) != 1 or len(shape) != 2 or (shape[1] or 0) < 2:
        raise GalagoError(
            "model.quantization", f"output shape {shape}: wanted (batch, classes) with two classes or more"
        )
    last = network.layers[-1]
    activation = getattr(last, "activation", keras.activations.linear)
    if isinstance(last, keras.layers.Softmax) or activation is keras.activations.softmax:
        return network
    if activation is not keras.activations.linear:
        raise GalagoError(
            "model.quantization",
            f"the last layer ends in {activation.__name__}: wanted softmax, or logits to put one on",
        )
    return keras.Model(network.inputs, keras.layers.Softmax()(network.outputs[0]))


def calibration(
    paths: list[Path],
    shape: tuple[int, int, int],
    resize: pictures.Resize,
    limit: int,
    warn: Callable[[str], None],
) -> np.ndarray:
    """Pictures, uint8 [n, height, width, channels]: one black, one white, at most `limit` of the paths."""
    height, width, channels = shape
    chosen = list(spread(paths, limit))
    resized = [pictures.resize(rgb, height, width, channels, resize) for _, rgb in dataset.read(chosen, warn)]
    if not resized:
        raise GalagoError(
            "dataset.empty", f"none of {len(chosen)} calibration pictures is readable: give photos"
        )
    return with_ends(np.stack(resized))


def spread(items: Any, limit: int) -> Any:
    """At most `limit` of a list or array, evenly spread."""
    return items if len(items) <= limit else [items[i * len(items) // limit] for i in range(limit)]


def with_ends(pixels: Any) -> np.ndarray:
    """Pictures, uint8 [n, height, width, channels], after a black and a white one: these fix the scale."""
    ends = np.zeros((2, *pixels[0].shape), np.uint8)
    ends[1] = 255
    return np.concatenate([ends, np.asarray(pixels)])


def convert(network: Any, pixels: np.ndarray) -> bytes:
    """The full-int8 TFLite model of a Keras model, calibrated on uint8 [n, height, width, channels].

    Raises model.quantization where the input or output quantization is not what every runtime here relies on.
    """
    tf, keras = lazy_tensorflow.tensorflow(), lazy_tensorflow.keras()
    # Fixed names: they end up in the file, and the same model shall give the same bytes.
    picture = keras.Input(batch_shape=(1, *pixels.shape[1:]), name="picture")
    single = keras.Model(picture, network(picture, training=False), name="classifier")

    def representative() -> Iterator[list[np.ndarray]]:
        for picture in pixels:
            yield [((picture.astype(np.float32) - 128) / 128)[None]]

    converter = tf.lite.TFLiteConverter.from_keras_model(single)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    try:
        with lazy_tensorflow.silence():
            tflite = converter.convert()
    except (RuntimeError, ValueError, tf.errors.OpError) as error:
        reason = " ".join(str(error).split())[:160]
        raise GalagoError(
            "model.quantization",
            f"TensorFlow cannot make it int8 ({reason}): use plain Conv2D, Dense and pooling",
        ) from error
    check(tflite)
    return tflite


def convert_float(network: Any) -> bytes:
    """The TFLite model in floats, one picture at a time."""
    tf, keras = lazy_tensorflow.tensorflow(), lazy_tensorflow.keras()
    picture = keras.Input(batch_shape=(1, *input_shape(network)), name="picture")
    single = keras.Model(picture, network(picture, training=False), name="classifier")
    with lazy_tensorflow.silence():
        return tf.lite.TFLiteConverter.from_keras_model(single).convert()


def check(tflite: bytes) -> None:
    """One input of 1/128 and 0 and one output of 1/256 and -128, both int8, or `model.quantization`."""
    ends = _ends(tflite)
    if [end for end, _ in ends] != ["input", "output"]:
        raise GalagoError(
            "model.quantization", f"wanted one input and one output, got {len(ends)}: build it so"
        )
    for (end, tensor), wanted in zip(ends, (INPUT, OUTPUT), strict=True):
        got = float(tensor.quantization.scale[0]), int(tensor.quantization.zeroPoint[0])
        if got != wanted:
            raise GalagoError(
                "model.quantization",
                f"{end}: wanted scale {wanted[0]} and zero point {wanted[1]}, got {got[0]} and {got[1]}: "
                "train on (pixel - 128) / 128 and end in a softmax",
            )


def measured(tflite: bytes, shape: tuple[int, int, int]) -> dict[str, Any]:
    """What running the model tells, for the contract: `macs`, `arena_bytes` and `golden`."""
    oracle = Tflm(tflite)
    golden = []
    for number in GOLDEN:
        given = models.pattern(number, shape)
        golden.append(
            {
                "pattern": number,
                "input_sha256": hashlib.sha256(given.tobytes()).hexdigest(),
                "output_int8": np.ravel(oracle.run(given)).tolist(),
            }
        )
    return {
        "macs": sum(layer.macs for layer in operators.layers(tflite)),
        "arena_bytes": arena_bytes(tflite),
        "golden": golden,
    }


def arena_bytes(tflite: bytes) -> int:
    """What the built-in engine allocates for the model, as it says itself under the real MicroPython."""
    script = (
        "import sys\n"
        "from mobilenet.tflite import Interpreter\n"
        "print(Interpreter(sys.stdin.buffer.read()).arena_bytes)"
    )
    done = subprocess.run(
        micropython.command("-X", "heapsize=64m", "-c", script),
        input=tflite,
        capture_output=True,
        timeout=60,
        env={**os.environ, "MICROPYPATH": str(firmware_dir())},
        check=False,
    )
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().rpartition("\n")[2][:160]
        raise GalagoError(
            "model.operator", f"the built-in engine refuses the model ({reason}): change the network"
        )
    return int(done.stdout)


def _ends(tflite: bytes) -> list[tuple[str, Any]]:
    """The graph's inputs and outputs, as objects of the TFLite schema."""
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    model: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAs(tflite, 0))
    graph = model.subgraphs[0]
    ends = [("input", graph.tensors[i]) for i in graph.inputs]
    return ends + [("output", graph.tensors[i]) for i in graph.outputs]
