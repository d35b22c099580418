# SPDX-License-Identifier: MIT
"""Kernels for ARMv6-M: the Cortex-M0+ of the RP2040, and whatever Cortex-M has no DSP instructions."""

from galago.native.kernels import Kernel
from galago.native.kernels.armv6m import convolution, depthwise
from galago.native.kernels.armv6m.function import Function
from galago.native.kernels.scalar.grouping import group
from galago.tflite.records import Record


def generate(records: list[Record], arch: str) -> list[Kernel]:
    """The kernels for a model's layers."""
    return group(records, Function, convolution, depthwise)
