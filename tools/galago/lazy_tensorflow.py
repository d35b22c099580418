# SPDX-License-Identifier: MIT
"""Imports TensorFlow and Keras when they are first needed, and keeps their log output off the terminal.

tf, keras = lazy_tensorflow.tensorflow(), lazy_tensorflow.keras()
with lazy_tensorflow.silence():
    tflite = converter.convert()
lazy_tensorflow.release_memory()                # between two stages of long work
"""

import contextlib
import ctypes
import gc
import io
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from galago.errors import GalagoError
from galago.resources import install_command


def tensorflow() -> Any:
    """Returns the module tensorflow. Raises config.missing if the extra `train` is not installed."""
    # The native libraries read these when they load, so they have to be set before the import.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    if "tensorflow" not in sys.modules:
        _keep_freed_memory()
    with silence():
        try:
            import tensorflow
        except ImportError as error:
            raise GalagoError(
                "config.missing", f"TensorFlow is not installed ({error}): {install_command('train')}"
            ) from None
    return tensorflow


# Parameters of glibc's mallopt(3), with the values that make it keep memory: all threads share the one heap
# that is not unmapped, which never shrinks by itself, and large arrays lie in it too.
_MALLOPT = {
    -8: 1,  # M_ARENA_MAX
    -1: 2**31 - 1,  # M_TRIM_THRESHOLD
    -4: 0,  # M_MMAP_MAX
}


def _keep_freed_memory() -> None:
    """Lets glibc keep what is freed until `release_memory`, and not give it back to the system at once.

    Each step of a training frees and takes the same large arrays. Given back and taken again, each of their
    pages is cleared by the system: nearly half of the time of a training was spent so.
    """
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):  # another C library than glibc
            for parameter, value in _MALLOPT.items():
                ctypes.CDLL(None).mallopt(parameter, value)


def keras() -> Any:
    """Returns the module keras, on TensorFlow. Raises config.missing as `tensorflow` does."""
    tensorflow()
    import keras

    return keras


def limit_threads(count: int) -> None:
    """Lets `count` threads compute one operation, which decides in which order sums are added up.

    Raises config.invalid where TensorFlow has computed with another number in this process.
    """
    threading = tensorflow().config.threading
    if threading.get_intra_op_parallelism_threads() == count:
        return
    try:
        threading.set_intra_op_parallelism_threads(count)
    except RuntimeError:
        raise GalagoError(
            "config.invalid",
            f"threads: TensorFlow runs with another number than {count} already: train in a new process",
        ) from None


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Discards what Python code and native libraries print; errors still reach the caller as exceptions."""
    with tempfile.TemporaryFile() as log, contextlib.redirect_stdout(io.StringIO()):
        stderr = os.dup(2)
        os.dup2(log.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def release_memory() -> None:
    """Gives memory that was freed back to the system; glibc keeps 100 MB and more after a training."""
    gc.collect()
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):  # another C library than glibc
            ctypes.CDLL(None).malloc_trim(0)
