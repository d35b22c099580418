# SPDX-License-Identifier: MIT
"""Kernels for x86-64: the emulated board, and the proof that the whole path works on the real interpreter.

The functions that fill the tables are compiled from viper.
"""

from galago.native.kernels import Kernel, viper
from galago.native.kernels.rounding import supports
from galago.native.kernels.x64 import convolution, depthwise
from galago.tflite.records import CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, Record


def generate(records: list[Record], arch: str) -> list[Kernel]:
    """The kernels for a model's layers: a function for all convolutions, one for all depthwise layers."""
    kernels: list[Kernel] = []
    for name, module, operators in (
        ("convolution", convolution, (CONV_2D, FULLY_CONNECTED)),
        ("depthwise", depthwise, (DEPTHWISE_CONV_2D,)),
    ):
        layers = {
            layer: module.scratch(record)
            for layer, record in enumerate(records)
            if record.operator in operators and supports(record) and module.supports(record)
        }
        if layers:
            kernels.append(Kernel(name, module.build(), layers))
    if kernels:
        kernels += [Kernel(name, viper.table(name, arch)) for name in ("scales", "biases")]
    return kernels
