# SPDX-License-Identifier: MIT
"""MobileNets to train: at any size, with ImageNet weights of a size that Keras has, or from scratch.

body = network.body("mobilenet_v1", alpha=0.25, size=96, trained=128)     # ends in features [n, 256]
model = network.classifier(body, classes=5)                               # ends in logits [n, 5]
"""

from typing import Any

from galago import imagenet, lazy_tensorflow
from galago.errors import GalagoError

ENOUGH = 8
"""Batches of training photos from which on BatchNormalization follows them."""
_MOMENTUM = 0.97
"""Of batch statistics. ImageNet's 0.99 and 0.999 need thousands of steps to follow."""


def body(architecture: str, alpha: float, size: int, trained: int) -> Any:
    """A MobileNet from (pixel - 128) / 128 [n, size, size, 3] to `features` [n, c], its mean activations.

    `trained` is the size of the ImageNet weights to start from, 0 for none. keras.applications pads before
    each strided depthwise layer by hand; at even sizes that is what padding="same" does, and one operator
    less to run on the board.
    """
    keras = lazy_tensorflow.keras()
    made = imagenet.application(architecture)(
        input_shape=(size, size, 3), alpha=alpha, weights=None, include_top=False
    )
    if trained:
        made.set_weights(imagenet.network(architecture, alpha, trained, top=False).get_weights())

    def adapted(layer: Any) -> Any:
        config = layer.get_config()
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            config["padding"] = "same"
        if isinstance(layer, keras.layers.BatchNormalization):
            config["momentum"] = _MOMENTUM
        return type(layer).from_config(config)

    def without_padding(layer: Any, *inputs: Any, **options: Any) -> Any:
        return inputs[0] if isinstance(layer, keras.layers.ZeroPadding2D) else layer(*inputs, **options)

    clone = keras.models.clone_model(made, clone_function=adapted, call_function=without_padding)
    clone.set_weights(made.get_weights())
    features = keras.layers.GlobalAveragePooling2D(name="features")(clone.output)
    return keras.Model(clone.input, features, name=architecture)


def classifier(features: Any, classes: int, dropout: float = 0.2) -> Any:
    """A body with a new head: dropout, and a dense layer `classes` that gives logits [n, classes]."""
    keras = lazy_tensorflow.keras()
    dropped = keras.layers.Dropout(dropout, name="dropout", seed=0)(features.output)
    logits = keras.layers.Dense(classes, name="classes")(dropped)
    return keras.Model(features.input, logits, name=features.name)


def train_only(network: Any, layers: str, batch_statistics: bool) -> None:
    """Which layers learn: "head", "spatial" or "all".

    BatchNormalization that does not learn also keeps ImageNet's statistics: in Keras, layers that are not
    trainable run as in inference. So it stays where there are too few photos for statistics of their own.
    """
    keras = lazy_tensorflow.keras()
    normal = keras.layers.BatchNormalization
    kinds: dict[str, tuple[Any, ...]] = {
        "head": (),
        "spatial": (keras.layers.DepthwiseConv2D,),
        "all": (keras.layers.Layer,),
    }
    if layers not in kinds:
        raise GalagoError("config.invalid", f"layers {layers!r}: wanted {', '.join(kinds)}")
    for layer in network.layers:
        if isinstance(layer, normal):
            layer.trainable = layers != "head" and batch_statistics
        else:
            layer.trainable = layer.name == "classes" or isinstance(layer, kinds[layers])


def imagenet_classifier(architecture: str, alpha: float, trained: int, size: int) -> Any:
    """An ImageNet network with the weights of size `trained`, run at another size.

    It maps (pixel - 128) / 128 [n, size, size, 3] to probabilities [n, 1000].
    """
    maker = imagenet.application(architecture)
    weights = imagenet.network(architecture, alpha, trained).get_weights()
    network = maker(input_shape=(size, size, 3), alpha=alpha, weights=None)
    network.set_weights(weights)
    return network
