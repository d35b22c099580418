# SPDX-License-Identifier: MIT
"""Networks other than MobileNetV1 and V2, small and with random weights, as TensorFlow converts them to int8.

    model = architectures.model("squeezenet")               # the bytes of a full-int8 .tflite

Each is a function, found by its name. The activations' ranges come from noise, so that every layer has some.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from galago import lazy_tensorflow

SIZE = 32


def mobilenet_v3_large(k: Any) -> Any:
    """Squeeze-and-excite blocks: means, products with a channel vector, hard swish. Small has no others."""
    return k.applications.MobileNetV3Large(
        (SIZE, SIZE, 3), alpha=0.35, weights=None, classes=5, include_preprocessing=False, dropout_rate=0
    )


def squeezenet(k: Any) -> Any:
    """Fire modules: two branches that are concatenated, with max pooling between."""
    x = inputs = k.Input((SIZE, SIZE, 3))
    x = k.layers.Conv2D(8, 3, 2, activation="relu")(x)
    for filters in (4, 6):
        x = k.layers.MaxPooling2D(3, 2, padding="same")(x)
        for _ in range(2):
            x = k.layers.Conv2D(filters, 1, activation="relu")(x)
            branches = [k.layers.Conv2D(2 * filters, n, padding="same", activation="relu")(x) for n in (1, 3)]
            x = k.layers.Concatenate()(branches)
    x = k.layers.Conv2D(5, 1, activation="relu")(x)
    return k.Model(inputs, k.layers.Softmax()(k.layers.GlobalAveragePooling2D()(x)))


def efficientnet_lite0(k: Any) -> Any:
    """Inverted residuals with windows of 5 x 5 and ReLU6, without squeeze-and-excite."""
    return _inverted_residuals(k, [(1, 3, 1, 8), (6, 3, 2, 12), (6, 5, 2, 16), (6, 5, 1, 16)])


def mcunet(k: Any) -> Any:
    """Inverted residuals with windows of up to 7 x 7."""
    return _inverted_residuals(k, [(3, 7, 2, 8), (5, 5, 1, 8), (4, 3, 2, 16), (3, 7, 1, 16)])


def _inverted_residuals(k: Any, blocks: list[tuple[int, int, int, int]]) -> Any:
    x = inputs = k.Input((SIZE, SIZE, 3))
    x = _normalized(k, k.layers.Conv2D(8, 3, 2, padding="same", use_bias=False)(x), 6)
    for expansion, window, stride, filters in blocks:
        before, depth = x, x.shape[-1]
        x = _normalized(k, k.layers.Conv2D(expansion * depth, 1, use_bias=False)(x), 6)
        depthwise = k.layers.DepthwiseConv2D(window, stride, padding="same", use_bias=False)
        x = _normalized(k, depthwise(x), 6)
        x = k.layers.BatchNormalization()(k.layers.Conv2D(filters, 1, use_bias=False)(x))
        if stride == 1 and depth == filters:
            x = k.layers.Add()([before, x])
    return k.Model(inputs, _head(k, x))


def resnet8(k: Any) -> Any:
    """MLPerf Tiny's: additions whose shortcut is a convolution."""
    x = inputs = k.Input((SIZE, SIZE, 3))
    x = _normalized(k, k.layers.Conv2D(4, 3, padding="same")(x))
    for filters, stride in ((4, 1), (8, 2), (16, 2)):
        y = _normalized(k, k.layers.Conv2D(filters, 3, stride, padding="same")(x))
        y = k.layers.BatchNormalization()(k.layers.Conv2D(filters, 3, padding="same")(y))
        if stride > 1:
            x = k.layers.Conv2D(filters, 1, stride, padding="same")(x)
        x = k.layers.ReLU()(k.layers.Add()([x, y]))
    x = k.layers.AveragePooling2D(8)(x)
    return k.Model(inputs, k.layers.Dense(5, "softmax")(k.layers.Flatten()(x)))


def plain_cnn(k: Any) -> Any:
    """What courses build, for grey pictures that are not square, and with one score for two classes."""
    return k.Sequential(
        [
            k.Input((SIZE, 24, 1)),
            k.layers.Conv2D(6, 3, activation="relu"),
            k.layers.MaxPooling2D(),
            k.layers.Conv2D(8, 3, dilation_rate=2, activation="relu"),
            k.layers.MaxPooling2D(),
            k.layers.Flatten(),
            k.layers.Dense(10, activation="relu"),
            k.layers.Dense(1, activation="sigmoid"),
        ]
    )


def unfused(k: Any) -> Any:
    """Activations and normalizations that the converter cannot fuse, resizing, padding, groups, a slice."""
    x = inputs = k.Input((16, 16, 4))
    x = k.layers.BatchNormalization(gamma_initializer="random_uniform", beta_initializer="random_uniform")(x)
    x = k.layers.LeakyReLU(0.1)(k.layers.Conv2D(8, 3, padding="same", groups=2)(x))
    x = k.layers.PReLU(alpha_initializer=k.initializers.Constant(0.25), shared_axes=[1, 2])(x)
    x = k.layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same")(k.layers.ZeroPadding2D(1)(x))
    x = k.layers.Activation("tanh")(k.layers.UpSampling2D(2, interpolation="bilinear")(x))
    x = k.layers.Resizing(17, 40, interpolation="nearest")(k.layers.Cropping2D(3)(x))
    x = k.layers.Subtract()([x, k.layers.Activation("sigmoid")(x)])
    x = k.layers.GlobalMaxPooling2D()(k.layers.MaxPooling2D(2)(x))
    return k.Model(inputs, k.layers.Dense(5, "softmax")(x))


def _normalized(k: Any, x: Any, most: float | None = None) -> Any:
    return k.layers.ReLU(most)(k.layers.BatchNormalization()(x))


def _head(k: Any, x: Any) -> Any:
    return k.layers.Dense(5, "softmax")(k.layers.GlobalAveragePooling2D()(x))


NETWORKS: dict[str, Callable[[Any], Any]] = {
    build.__name__: build
    for build in (
        mobilenet_v3_large, squeezenet, efficientnet_lite0, mcunet, resnet8, plain_cnn, unfused,
    )
}  # fmt: skip


def model(name: str) -> bytes:
    """The full-int8 .tflite of one of NETWORKS."""
    tf, keras = lazy_tensorflow.tensorflow(), lazy_tensorflow.keras()
    keras.utils.set_random_seed(3)
    network = NETWORKS[name](keras)
    shape = (1, *network.input_shape[1:])
    noise = np.random.default_rng(3).uniform(-1, 1, (32, *shape)).astype(np.float32)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    network(noise[:, 0], training=True)  # normalizes, or the signal would fade from layer to layer
    with lazy_tensorflow.silence():
        picture = keras.Input(batch_shape=shape)
        single = keras.Model(picture, network(picture, training=False))
        converter = tf.lite.TFLiteConverter.from_keras_model(single)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([x] for x in noise)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        return converter.convert()
