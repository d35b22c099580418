# SPDX-License-Identifier: MIT
"""TensorFlow Lite's converter: a Keras model as a full-int8 .tflite, or as a float one.

tflite = convert(network, pixels)          # calibrated on uint8 [n, height, width, channels]
float_model = convert_float(network)
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from galago import lazy_tensorflow
from galago.errors import GalagoError
from galago.quantize.keras_model import input_shape
from galago.tflite import summary

INPUT = (1 / 128, 0)
"""Scale and zero point of the int8 input: int8 = pixel - 128."""
OUTPUT = (1 / 256, -128)
"""Scale and zero point of the int8 output, which is what TensorFlow Lite prescribes for a softmax."""


def convert(network: Any, pixels: np.ndarray) -> bytes:
    """Converts a Keras model to a full-int8 .tflite, calibrated on uint8 [n, height, width, channels].

    Raises model.quantization if an operator has no int8 version, or as `check_tflite` does.
    """
    tf = lazy_tensorflow.tensorflow()

    def representative() -> Iterator[list[np.ndarray]]:
        for picture in pixels:
            yield [((picture.astype(np.float32) - 128) / 128)[None]]

    converter = tf.lite.TFLiteConverter.from_keras_model(_single_picture(network, pixels.shape[1:]))
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
            f"TensorFlow cannot convert the model to int8 ({reason}): use plain Conv2D, Dense and pooling",
        ) from error
    check_tflite(tflite)
    return tflite


def convert_float(network: Any) -> bytes:
    """Converts a Keras model to a float32 .tflite that takes one picture at a time."""
    tf = lazy_tensorflow.tensorflow()
    single = _single_picture(network, input_shape(network))
    with lazy_tensorflow.silence():
        return tf.lite.TFLiteConverter.from_keras_model(single).convert()


def _single_picture(network: Any, shape: tuple[int, ...]) -> Any:
    """Returns the network with a batch of 1. The fixed names make the file's bytes reproducible."""
    keras = lazy_tensorflow.keras()
    picture = keras.Input(batch_shape=(1, *shape), name="picture")
    return keras.Model(picture, network(picture, training=False), name="classifier")


def check_tflite(tflite: bytes) -> None:
    """Raises model.quantization unless there is one input and one output, quantized as INPUT and OUTPUT say.

    Every runtime relies on these two.
    """
    inputs, outputs = summary.ends(tflite)
    if (len(inputs), len(outputs)) != (1, 1):
        raise GalagoError(
            "model.quantization",
            f"expected one input and one output, got {len(inputs)} and {len(outputs)}: "
            "rebuild the model with one of each",
        )
    for name, end, expected in (("input", inputs[0], INPUT), ("output", outputs[0], OUTPUT)):
        if (end.scale, end.zero_point) != expected:
            raise GalagoError(
                "model.quantization",
                f"{name}: expected scale {expected[0]} and zero point {expected[1]}, got {end.scale} and "
                f"{end.zero_point}: train on (pixel - 128) / 128 and end in a softmax",
            )
