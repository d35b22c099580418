# SPDX-License-Identifier: MIT
"""Kernels for Xtensa with register windows: ESP32, ESP32-S2 and ESP32-S3.

They use what all three have: no available emulator runs the vector instructions of the S3.
"""

from galago.native.kernels import Kernel
from galago.native.kernels.scalar.grouping import group
from galago.native.kernels.xtensawin import convolution, depthwise
from galago.native.kernels.xtensawin.function import Function
from galago.tflite.records import Record


def generate(records: list[Record], arch: str) -> list[Kernel]:
    """The kernels for a model's layers."""
    return group(records, Function, convolution, depthwise)
