# SPDX-License-Identifier: MIT
"""Kernels for Cortex-M55 with Helium: 16 int8 products at a time. All others are a Cortex-M4's."""

from galago.native.kernels import Kernel, armv7em
from galago.native.kernels.armv7em.add import Add
from galago.native.kernels.helium import table
from galago.native.kernels.helium.convolution import Convolution
from galago.native.kernels.helium.depthwise import Depthwise
from galago.native.kernels.helium.frame import requantizable
from galago.tflite.records import ADD, CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, Record

_GENERATORS = {CONV_2D: Convolution, FULLY_CONNECTED: Convolution, DEPTHWISE_CONV_2D: Depthwise, ADD: Add}


def generate(records: list[Record], arch: str) -> list[Kernel]:
    """The kernels for a model's layers. In a model whose weights have a zero point they are a Cortex-M4's.

    vmlav multiplies bytes, and these weights minus their zero point have nine bits. Kernels of both kinds
    cannot share the table.
    """
    if any(record.weights and record.shifted for record in records):
        return armv7em.generate(records, arch)
    kernels = armv7em.of_layers(records, _function)
    return kernels and [Kernel("scales", table.scales()), Kernel("biases", table.biases()), *kernels]


def _function(record: Record) -> armv7em.Function | None:
    kind = _GENERATORS.get(record.operator)
    return kind.of(record) if kind and (record.operator == ADD or requantizable(record)) else None
