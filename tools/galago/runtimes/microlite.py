# SPDX-License-Identifier: MIT
"""For microlite: it runs the .tflite itself, and must be told how large an arena that needs."""

from galago.boards import BoardSpec
from galago.models import ModelDirectory
from galago.tflite.tflm import Tflm

_SPARE = 16384
"""Bytes more than TensorFlow Lite Micro needs here: ESP-NN, in ESP32 builds, takes buffers of its own."""


def files(model: ModelDirectory, board: BoardSpec) -> dict[str, tuple[str, bytes]]:
    """Nothing beside the .tflite."""
    return {}


def facts(model: ModelDirectory, board: BoardSpec) -> dict[str, int]:
    """Of TFLM on 64 bits, where its own structures are larger than on a board."""
    return {"arena_bytes": Tflm(model.tflite.read_bytes()).arena_bytes + _SPARE}
