# SPDX-License-Identifier: MIT
"""For microlite, which runs the .tflite itself, but must be told the arena size."""

from galago.boards import BoardSpec
from galago.models import ModelDirectory
from galago.tflite.tflm import Tflm

_SPARE = 16384
"""Bytes added to the arena of TensorFlow Lite Micro: ESP-NN in ESP32 builds needs buffers of its own."""


def files(model: ModelDirectory, board: BoardSpec) -> dict[str, tuple[str, bytes]]:
    """Returns no files: the .tflite is enough."""
    return {}


def facts(model: ModelDirectory, board: BoardSpec) -> dict[str, int]:
    """Returns the arena size in bytes, of 64-bit TFLM, whose own structures are larger than on a board."""
    return {"arena_bytes": Tflm(model.tflite.read_bytes()).arena_bytes + _SPARE}
