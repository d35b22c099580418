# SPDX-License-Identifier: MIT
"""Loads a Keras model and checks that it can be quantized.

network = with_softmax(load(Path("network.keras")))
height, width, channels = input_shape(network)
"""

from pathlib import Path
from typing import Any

import numpy as np

from galago import keras_internals, lazy_tensorflow, special_files
from galago.errors import GalagoError

_ZERO_WEIGHT = (
    1e-8  # TensorFlow Lite Micro aborts on the scale of a kernel whose largest weight is below this
)


def load(path: Path) -> Any:
    """Loads a .keras or .h5 file. Raises model.missing or model.malformed."""
    special_files.refuse(path)
    if not path.is_file():
        raise GalagoError("model.missing", f"no file {path}: pass a .keras or .h5 model")
    keras = lazy_tensorflow.keras()
    try:
        return keras.models.load_model(path, compile=False)
    except (ValueError, TypeError, OSError, KeyError, AttributeError, ImportError) as error:
        reason = " ".join(str(error).split())[:160]
        raise GalagoError(
            "model.malformed",
            f"Keras {keras.__version__} cannot load {path} ({reason}): save it as .keras",
        ) from error


def check_weights(network: Any) -> None:
    """Raises model.malformed if a layer's weights are all zero, or contain NaN or Inf."""
    for layer in keras_internals.all_layers(network):
        weights = layer.get_weights()
        zero = hasattr(layer, "kernel") and np.abs(weights[0]).max() < _ZERO_WEIGHT
        if zero or not all(np.isfinite(values).all() for values in weights):
            raise GalagoError(
                "model.malformed",
                f"layer {layer.name}: {'all weights are zero' if zero else 'weights contain NaN or Inf'}: "
                "the training diverged, repeat it with a lower learning rate",
            )


def input_shape(network: Any) -> tuple[int, int, int]:
    """Returns the (height, width, channels) of a model's input.

    Raises model.quantization unless there is one input, a picture of fixed size in (pixel - 128) / 128.
    """
    keras = lazy_tensorflow.keras()
    shape = tuple(network.inputs[0].shape)
    if len(network.inputs) != 1 or len(shape) != 4 or None in shape[1:] or shape[3] not in (1, 3):
        raise GalagoError(
            "model.quantization",
            f"expected one input of shape (batch, height, width, 1 or 3) with fixed sizes, got {shape}: "
            "rebuild the model with such an input",
        )
    for layer in keras_internals.all_layers(network):
        if isinstance(layer, keras.layers.Rescaling | keras.layers.Normalization):
            raise GalagoError(
                "model.quantization",
                f"layer {layer.name} ({type(layer).__name__}) means that the model expects values other than "
                "(pixel - 128) / 128: train it on those, without the layer",
            )
    return shape[1:]


def with_softmax(network: Any) -> Any:
    """Returns the model, with a softmax appended if it ends in logits.

    Raises model.quantization if it ends in another activation, or not in [batch, classes >= 2].
    """
    keras = lazy_tensorflow.keras()
    shape = tuple(network.outputs[0].shape)
    if len(network.outputs) != 1 or len(shape) != 2 or (shape[1] or 0) < 2:
        raise GalagoError(
            "model.quantization",
            f"expected one output of shape (batch, classes) with at least two classes, got {shape}: "
            "rebuild the model with such an output",
        )
    last = network.layers[-1]
    activation = getattr(last, "activation", keras.activations.linear)
    if isinstance(last, keras.layers.Softmax) or activation is keras.activations.softmax:
        return network
    if activation is not keras.activations.linear:
        raise GalagoError(
            "model.quantization",
            f"expected softmax or no activation in the last layer, got {activation.__name__}: change it",
        )
    return keras.Model(network.inputs, keras.layers.Softmax()(network.outputs[0]))
