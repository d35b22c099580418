# SPDX-License-Identifier: MIT
"""The parts of Keras without a public interface that Galago needs; tests/test_keras_internals.py checks them.

for layer in keras_internals.all_layers(network): ...
keras_internals.home() / "models"                       # where downloaded weights are cached
"""

from pathlib import Path
from typing import Any

from galago import lazy_tensorflow


def all_layers(network: Any) -> list[Any]:
    """Returns the network itself and all its layers, including those inside nested models and wrappers."""
    return network._flatten_layers()


def home() -> Path:
    """Returns Keras's home directory: KERAS_HOME as it was when Keras was imported, or ~/.keras."""
    return Path(lazy_tensorflow.keras().src.backend.config.keras_home())
