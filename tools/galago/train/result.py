# SPDX-License-Identifier: MIT
"""What a training gives, and how far its confidence can be trusted.

    network, temperature, unknown_below, before = calibrated(network, kept)     # ends in a softmax now

Temperature scaling (Guo et al. 2017): logits divided by one number, so that of the answers given with 80 %
confidence 80 % are right. It is folded into the last layer, and costs the board nothing.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from galago import lazy_tensorflow

TEMPERATURES = np.exp(np.linspace(np.log(0.2), np.log(5), 161))


@dataclass(frozen=True)
class Kept:
    """Photos for validation: `pixels` uint8 [n, size, size, 3], `labels` int64 [n], -1 outside of all."""

    paths: list[Path]
    pixels: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Trained:
    """A float Keras network, softmax over the classes, and below which confidence it is unknown.

    `kept` are the validation photos, and `uncalibrated` is what the network said of them before its
    temperature was set, float [n, classes]. `training` are photos to calibrate on, uint8 [n, size, size, 3].
    """

    network: Any
    names: list[str]
    unknown_below: float
    temperature: float
    kept: Kept
    training: np.ndarray
    uncalibrated: np.ndarray
    history: list[dict[str, Any]]
    skipped: list[str]


def calibrated(network: Any, kept: Kept) -> tuple[Any, float, float, np.ndarray]:
    """Sets the temperature that suits `kept` best, in the network's last dense layer `classes` (logits).

    Gives the network ended by a softmax, its temperature, `unknown_below`, and what it said before.
    """
    keras = lazy_tensorflow.keras()
    logits = network.predict((kept.pixels.astype(np.float32) - 128) / 128, batch_size=128, verbose=0)
    temperature = float(min(TEMPERATURES, key=lambda t: log_loss(softmax(logits / t), kept.labels)))
    head = network.get_layer("classes")
    head.set_weights([weights / temperature for weights in head.get_weights()])
    confidence = softmax(logits / temperature).max(axis=1)
    threshold = threshold_of(confidence, np.ones(len(confidence), bool))
    ended = keras.Model(
        network.input, keras.layers.Softmax(name="softmax")(network.output), name=network.name
    )
    return ended, temperature, threshold, softmax(logits)


def softmax(x: np.ndarray) -> np.ndarray:
    """Along the last axis."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def log_loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean cross-entropy of probabilities [n, classes]."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-12)).mean())


def threshold_of(confidence: np.ndarray, inside: np.ndarray) -> float:
    """The highest confidence, in 1/100, below which at most a twentieth of what is inside a class lies."""
    return int(np.quantile(confidence[inside], 0.05) * 100) / 100
