# SPDX-License-Identifier: MIT
"""Small classifiers of every kind that programs export, made by TensorFlow's converter."""

from typing import Any

import numpy as np

from galago import lazy_tensorflow

SIZE, CLASSES = 24, 4
LABELS = ["cat", "cup", "dog", "tree"]


def pixels(count: int, seed: int = 1, channels: int = 3) -> np.ndarray:
    """Pictures of smooth colour with noise, uint8 [count, SIZE, SIZE, channels]."""
    random = np.random.default_rng(seed)
    base = random.integers(0, 256, (count, 1, 1, channels))
    noise = random.integers(-60, 61, (count, SIZE, SIZE, channels))
    return (base + noise).clip(0, 255).astype(np.uint8)


def network(keras: Any, activation: str | None = "softmax", classes: int = CLASSES, **options: Any) -> Any:
    """A small MobileNet-like network with seeded weights; `options` are scale and offset of a Rescaling."""
    keras.utils.set_random_seed(3)
    layers = keras.layers
    picture = x = keras.Input((SIZE, SIZE, 3))
    if options:
        x = layers.Rescaling(**options)(x)
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.DepthwiseConv2D(3, padding="same", activation="relu")(x)
    x = layers.Conv2D(12, 1, activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(classes, activation=activation, kernel_initializer="random_normal")(x)
    model = keras.Model(picture, x)
    top = model.layers[-1]
    kernel, bias = top.get_weights()
    top.set_weights([kernel * 60, bias])  # so that the answers differ from picture to picture
    return model


def edge_impulse(keras: Any, batch: int | None = None) -> Any:
    """A small MobileNetV2 with Edge Impulse's head: not pooled, but a dense layer at each of 3x3 positions.

    `batch` is 1 in what Edge Impulse exports; Keras leaves it open.
    """
    keras.utils.set_random_seed(5)
    layers = keras.layers
    he = {"kernel_initializer": "he_normal", "use_bias": False}
    picture = keras.Input(batch_shape=(batch, SIZE, SIZE, 3))
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu6", **he)(picture)
    for stride, channels in ((2, 8), (1, 8), (2, 16)):
        shortcut = x
        x = layers.Conv2D(6 * x.shape[3], 1, activation="relu6", **he)(x)
        x = layers.DepthwiseConv2D(
            3, strides=stride, padding="same", activation="relu6", depthwise_initializer="he_normal"
        )(x)
        x = layers.Conv2D(channels, 1, **he)(x)
        x = layers.Add()([shortcut, x]) if stride == 1 else x
    x = layers.Conv2D(1280, 1, activation="relu6", **he)(x)
    x = layers.Reshape((-1, x.shape[3]))(x)
    x = layers.Dropout(0.1)(layers.Dense(18, activation="relu", kernel_initializer="he_normal")(x))
    x = layers.Dense(CLASSES, activation="softmax", kernel_initializer="he_normal")(layers.Flatten()(x))
    return keras.Model(picture, x)


def tflite(model: Any, ends: str = "int8", old_quantizer: bool = False) -> bytes:
    """A .tflite with ends int8, uint8, float32 (around int8), or "float", "float16", "dynamic" throughout."""
    tf = lazy_tensorflow.tensorflow()
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.experimental_new_quantizer = not old_quantizer
    if ends != "float":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if ends == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if ends in ("int8", "uint8", "float32"):
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        real = [(each / 255).astype(np.float32)[None] for each in pixels(40)]
        black = np.zeros((1, SIZE, SIZE, 3), np.float32)
        converter.representative_dataset = lambda: ([each] for each in [black, black + 1, *real])
        if ends != "float32":
            converter.inference_input_type = converter.inference_output_type = getattr(tf, ends)
    with lazy_tensorflow.silence():
        return converter.convert()
