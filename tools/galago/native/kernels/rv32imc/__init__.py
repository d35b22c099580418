# SPDX-License-Identifier: MIT
"""Kernels for RV32IMC: ESP32-C3 and C6, and the RISC-V cores of the RP2350."""

from galago.native.kernels import Kernel
from galago.native.kernels.rv32imc import convolution, depthwise
from galago.native.kernels.rv32imc.function import Function
from galago.native.kernels.scalar.grouping import group
from galago.tflite.records import Record


def generate(records: list[Record], arch: str) -> list[Kernel]:
    """The kernels for a model's layers."""
    return group(records, Function, convolution, depthwise)
