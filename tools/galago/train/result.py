# SPDX-License-Identifier: MIT
"""What a training returns, for quantization and for the report.

trained.network.predict(x)      # float32 [n, classes]
trained.validation.labels       # int64 [n], -1 outside of all classes
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Validation:
    """The photos that training did not learn from.

    `pixels` are uint8 [n, size, size, 3], `labels` int64 [n], -1 outside of all classes.
    """

    name: str
    """What to call them in a report."""
    paths: list[Path]
    pixels: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Trained:
    """A float Keras network that ends in a softmax over the classes, and what was learned about it."""

    network: Any
    names: list[str]
    """The classes, in the order of the network's outputs."""
    unknown_below: float
    """The confidence below which an answer is "unknown"."""
    temperature: float
    validation: Validation
    training_pixels: np.ndarray
    """Training photos, for calibration and fine-tuning of int8, uint8 [n, size, size, 3]."""
    uncalibrated: np.ndarray
    """Probabilities of the validation photos before the temperature was set, float [n, classes]."""
    history: list[dict[str, Any]]
    """One row per epoch."""
    skipped: list[str]
    """A line for each unreadable photo."""
