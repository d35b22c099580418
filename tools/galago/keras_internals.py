# SPDX-License-Identifier: MIT
"""The parts of Keras without a public interface that Galago needs; tests/test_keras_internals.py checks them.

for layer in keras_internals.all_layers(network): ...
keras_internals.home() / "models"                       # where downloaded weights are cached
"""

import os
from pathlib import Path
from typing import Any


def all_layers(network: Any) -> list[Any]:
    """Returns the network itself and all its layers, including those inside nested models and wrappers."""
    return network._flatten_layers()


def home() -> Path:
    """Returns Keras's home directory, as keras.src.backend.config finds it, without importing TensorFlow.

    Keras itself reads KERAS_HOME once, when it is imported.
    """
    if "KERAS_HOME" in os.environ:
        return Path(os.environ["KERAS_HOME"])
    user = os.path.expanduser("~")
    return Path(user if os.access(user, os.W_OK) else "/tmp") / ".keras"
