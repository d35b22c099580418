# SPDX-License-Identifier: MIT
"""MobileNets to train, of any input size: with the ImageNet weights of a size that Keras has, or without.

body = network.body("mobilenet_v1", alpha=0.25, size=96, pretrained_size=128)     # ends in features [n, 256]
body = network.body("mobilenet_v1", 0.25, 64, 128, blocks=6)                      # a short one: [n, 128]
network.take_over(body, Path("models/mine"))                                      # a trained one's weights
model = network.classifier(body, classes=5)                                       # ends in logits [n, 5]
"""

from pathlib import Path
from typing import Any

from galago import imagenet, lazy_tensorflow
from galago.errors import GalagoError
from galago.evaluate.answers import float_network

MIN_BATCHES = 8
"""Batches of training photos that BatchNormalization needs for statistics of its own."""
_MOMENTUM = 0.97  # of BatchNormalization; with ImageNet's 0.99 and 0.999 it would need thousands of steps


def body(architecture: str, alpha: float, size: int, pretrained_size: int, blocks: int = 0) -> Any:
    """Returns a MobileNet that maps (pixel - 128) / 128 [n, size, size, 3] to its mean features [n, c].

    `pretrained_size` is the input size of the ImageNet weights to start from, 0 for none. `blocks` is how
    many depthwise separable convolutions of V1 are kept, from the input on, 0 for all 13: most weights are
    in the last ones. keras.applications has a padding layer before each strided depthwise layer; at even
    sizes padding="same" computes the same with one operator less on the board, and replaces it. Raises
    train.weights, config.invalid.
    """
    keras = lazy_tensorflow.keras()
    if blocks and architecture != "mobilenet_v1":
        raise GalagoError(
            "config.invalid", f"blocks: only mobilenet_v1 can be shortened, not {architecture}: leave it out"
        )
    original = imagenet.application(architecture)(
        input_shape=(size, size, 3), alpha=alpha, weights=None, include_top=False
    )
    if pretrained_size:
        pretrained = imagenet.network(architecture, alpha, pretrained_size, top=False)
        original.set_weights(pretrained.get_weights())

    def adapted(layer: Any) -> Any:
        config = layer.get_config()
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            config["padding"] = "same"
        if isinstance(layer, keras.layers.BatchNormalization):
            config["momentum"] = _MOMENTUM
        return type(layer).from_config(config)

    def without_padding(layer: Any, *inputs: Any, **options: Any) -> Any:
        return inputs[0] if isinstance(layer, keras.layers.ZeroPadding2D) else layer(*inputs, **options)

    clone = keras.models.clone_model(original, clone_function=adapted, call_function=without_padding)
    clone.set_weights(original.get_weights())
    last = clone.get_layer(f"conv_pw_{blocks}_relu").output if blocks else clone.output
    features = keras.layers.GlobalAveragePooling2D(name="features")(last)
    return keras.Model(clone.input, features, name=architecture)


def take_over(body: Any, folder: Path) -> None:
    """Gives a body the weights of the float network in a model's folder, whose input may have another size.

    Raises model.missing if there is none, train.weights if it is another network.
    """
    trained = float_network(folder)
    try:
        for layer in (each for each in body.layers if each.weights):
            layer.set_weights(trained.get_layer(layer.name).get_weights())
    except ValueError:
        raise GalagoError(
            "train.weights",
            f"{folder} is another network than the recipe's: train with its architecture, width and blocks",
        ) from None


def classifier(features: Any, classes: int, dropout: float = 0.2) -> Any:
    """Returns a body with a new head: dropout, and a dense layer named `classes` with logits [n, classes]."""
    keras = lazy_tensorflow.keras()
    dropped = keras.layers.Dropout(dropout, name="dropout", seed=0)(features.output)
    logits = keras.layers.Dense(classes, name="classes")(dropped)
    return keras.Model(features.input, logits, name=features.name)


def train_only(network: Any, layers: str, batch_statistics: bool) -> None:
    """Makes the layers of a group trainable, and no others: "head", "spatial" (depthwise) or "all".

    Without `batch_statistics`, BatchNormalization keeps ImageNet's statistics, because Keras runs layers that
    are not trainable as in inference: too few photos have no useful statistics of their own. Raises
    config.invalid for an unknown group.
    """
    keras = lazy_tensorflow.keras()
    normal = keras.layers.BatchNormalization
    kinds: dict[str, tuple[Any, ...]] = {
        "head": (),
        "spatial": (keras.layers.DepthwiseConv2D,),
        "all": (keras.layers.Layer,),
    }
    if layers not in kinds:
        raise GalagoError(
            "config.invalid", f"expected layers to be {', '.join(kinds)}, got {layers!r}: change it"
        )
    for layer in network.layers:
        if isinstance(layer, normal):
            layer.trainable = layers != "head" and batch_statistics
        else:
            layer.trainable = layer.name == "classes" or isinstance(layer, kinds[layers])


def imagenet_classifier(architecture: str, alpha: float, pretrained_size: int, size: int) -> Any:
    """Returns an ImageNet network with the weights of `pretrained_size` that runs at another size.

    It maps (pixel - 128) / 128 [n, size, size, 3] to probabilities [n, 1000].
    """
    builder = imagenet.application(architecture)
    weights = imagenet.network(architecture, alpha, pretrained_size).get_weights()
    network = builder(input_shape=(size, size, 3), alpha=alpha, weights=None)
    network.set_weights(weights)
    return network
