# SPDX-License-Identifier: MIT
"""Kernels for Cortex-M4, M7, M33 and M55: Thumb-2 with the DSP instructions, two int16 products at a time."""

from galago.native.kernels import Kernel
from galago.native.kernels.armv7em import table
from galago.native.kernels.armv7em.add import Add
from galago.native.kernels.armv7em.convolution import Convolution
from galago.native.kernels.armv7em.depthwise import Depthwise
from galago.native.kernels.armv7em.frame import requantizable
from galago.tflite.records import ADD, CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, Record

_GENERATORS = {CONV_2D: Convolution, FULLY_CONNECTED: Convolution, DEPTHWISE_CONV_2D: Depthwise, ADD: Add}


def generate(records: list[Record], arch: str) -> list[Kernel]:
    """The kernels for a model's layers; layers share a function where they can."""
    layers: dict[Convolution | Depthwise | Add, dict[int, tuple[int, int]]] = {}
    for number, record in enumerate(records):
        kind = _GENERATORS.get(record.operator)
        function = kind.of(record) if kind and requantizable(record) else None
        if function:
            rows = record.tile if record.operator in (CONV_2D, FULLY_CONNECTED) else record.out_h
            sizes = function.scratch(record, 1), function.scratch(record, rows)
            layers.setdefault(function, {})[number] = sizes
    if not layers:
        return []
    kernels = [Kernel(function.name, function.code(), scratch) for function, scratch in layers.items()]
    return [Kernel("scales", table.scales()), Kernel("biases", table.biases()), *kernels]
