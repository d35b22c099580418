# SPDX-License-Identifier: MIT
"""TensorFlow without its noise: what trains or converts here imports it through `tensorflow()`."""

import contextlib
import io
import logging
import os
import tempfile
from collections.abc import Iterator
from typing import Any

from galago.errors import GalagoError


def tensorflow() -> Any:
    """The module tensorflow; `config.missing` where the extra `train` is not installed."""
    # Read when its libraries load, so set before.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with silence():
        try:
            import tensorflow
        except ImportError as error:
            raise GalagoError(
                "config.missing", f"TensorFlow is not installed ({error}): pip install 'galago[train]'"
            ) from None
    return tensorflow


def keras() -> Any:
    """The module keras, on TensorFlow."""
    tensorflow()
    import keras

    return keras


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Keeps what Python and C++ print off the terminal; errors reach the caller as exceptions."""
    with tempfile.TemporaryFile() as log, contextlib.redirect_stdout(io.StringIO()):
        kept = os.dup(2)
        os.dup2(log.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
