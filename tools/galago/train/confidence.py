# SPDX-License-Identifier: MIT
"""How far a network's confidence can be trusted: temperature scaling, and the threshold for "unknown".

    calibrated = calibrate(network, validation)         # logits in, a network that ends in a softmax out
    calibrated.network, calibrated.temperature, calibrated.unknown_below

Temperature scaling (Guo et al. 2017) divides the logits by one number, so that of the answers given with 80 %
confidence 80 % are right. It is folded into the last layer and costs nothing on the board.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from galago import lazy_tensorflow
from galago.tflite.arithmetic import softmax
from galago.train.pixels import predict
from galago.train.result import Validation

TEMPERATURES = np.exp(np.linspace(np.log(0.2), np.log(5), 161))
"""The candidates, from 0.2 to 5 in equal ratios."""
_UNKNOWN = 0.05  # share of the validation photos of a class that may be called unknown


@dataclass(frozen=True)
class Calibrated:
    """A network that ends in a softmax, and what was chosen on the validation photos."""

    network: Any
    temperature: float
    unknown_below: float
    before: np.ndarray
    """Probabilities of the validation photos before calibration, float32 [n, classes]."""


def calibrate(network: Any, validation: Validation) -> Calibrated:
    """Chooses the temperature with the lowest validation loss and folds it into the dense layer `classes`.

    `network` ends in the logits of that layer, and is changed.
    """
    keras = lazy_tensorflow.keras()
    logits = predict(network, validation.pixels)
    temperature = float(min(TEMPERATURES, key=lambda t: log_loss(softmax(logits / t), validation.labels)))
    head = network.get_layer("classes")
    head.set_weights([weights / temperature for weights in head.get_weights()])
    confidence = softmax(logits / temperature).max(axis=1)
    threshold = unknown_threshold(confidence, np.ones(len(confidence), bool))
    with_softmax = keras.Model(
        network.input, keras.layers.Softmax(name="softmax")(network.output), name=network.name
    )
    return Calibrated(with_softmax, temperature, threshold, softmax(logits))


def log_loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Returns the mean cross-entropy of probabilities [n, classes] for the classes int64 [n], in nats."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-12)).mean())


def unknown_threshold(confidence: np.ndarray, inside: np.ndarray) -> float:
    """Returns the highest threshold, in steps of 0.01, that at least 95 % of the photos inside a class reach.

    `confidence` is float [n], `inside` bool [n].
    """
    return int(np.quantile(confidence[inside], _UNKNOWN) * 100) / 100
