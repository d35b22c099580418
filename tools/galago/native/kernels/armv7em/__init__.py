# SPDX-License-Identifier: MIT
"""Kernels for Cortex-M4, M7 and M33: Thumb-2 with the DSP instructions, two int16 products at a time."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from galago.native.kernels import Kernel
from galago.native.kernels.armv7em import table
from galago.native.kernels.armv7em.add import Add
from galago.native.kernels.armv7em.convolution import Convolution
from galago.native.kernels.armv7em.depthwise import Depthwise
from galago.native.kernels.armv7em.frame import MOST_REACH, Output, requantizable
from galago.tflite.records import ADD, CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, Record

_GENERATORS = {CONV_2D: Convolution, FULLY_CONNECTED: Convolution, DEPTHWISE_CONV_2D: Depthwise, ADD: Add}


class Function(Protocol):
    """A kernel's generator: the properties of a layer that its code depends on."""

    @property
    def name(self) -> str:
        """The name of the function."""
        ...

    def scratch(self, record: Record, rows: int) -> int:
        """Bytes of scratch for a tile of this many rows."""
        ...

    def code(self) -> bytes:
        """The machine code."""
        ...


def generate(records: list[Record], arch: str) -> list[Kernel]:
    """The kernels for a model's layers."""
    kernels = of_layers(records, _function)
    return _with_tables(kernels)


def compact(records: list[Record], arch: str) -> list[Kernel]:
    """The kernels for a model's layers in fewer bytes: layers share what would differ by a few instructions.

    All 1 x 1 convolutions and fully connected layers share a function, which unrolls what suits all of them,
    and so do depthwise layers, whatever their stride, as far as their outputs have the same limits and there
    is room for what `doubled` of frame.py does in all or in none.
    """
    functions = [_function(record) for record in _alike(records)]
    groups: dict[tuple[Any, Output], set[Any]] = {}
    for each in functions:
        if isinstance(each, Depthwise) or (isinstance(each, Convolution) and each.window is None):
            groups.setdefault((type(each), replace(each.output, relu=False)), set()).add(each)
    shared: dict[Any, Function] = {}
    for (kind, _), group in groups.items():
        shared |= dict.fromkeys(group, kind.shared(group))
    left = iter([shared.get(each, each) for each in functions])
    return _with_tables(of_layers(records, lambda record: next(left)))


def _function(record: Record) -> "Function | None":
    known = record.operator in _GENERATORS and requantizable(record)
    return _GENERATORS[record.operator].of(record) if known else None


def _with_tables(kernels: list[Kernel]) -> list[Kernel]:
    return kernels and [Kernel("scales", table.scales()), Kernel("biases", table.biases()), *kernels]


def _alike(records: list[Record]) -> list[Record]:
    """The layers as if all of a generator had a channel with shift 0, where one of them has.

    Functions that allow that shift (frame.py) take an instruction more per output, but serve all layers.
    """
    generators = {_GENERATORS.get(record.operator) for record in records if 0 in record.shifts}
    return [
        replace(record, shifts=(*record.shifts, 0))
        if _GENERATORS.get(record.operator) in generators and record.shifts and max(record.reach) < MOST_REACH
        else record
        for record in records
    ]


def of_layers(records: list[Record], find: Callable[[Record], Function | None]) -> list[Kernel]:
    """The kernels that `find` gives; layers share a function where they can."""
    layers: dict[Function, dict[int, tuple[int, int]]] = {}
    for number, record in enumerate(records):
        function = find(record)
        if function:
            rows = record.tile if record.operator in (CONV_2D, FULLY_CONNECTED) else record.out_h
            sizes = function.scratch(record, 1), function.scratch(record, rows)
            layers.setdefault(function, {})[number] = sizes
    return [Kernel(function.name, function.code(), scratch) for function, scratch in layers.items()]
