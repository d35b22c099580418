# SPDX-License-Identifier: MIT
"""The records of a model's layers as the engine makes them (firmware/mobilenet/tflite/record.toml).

    for record in records.read(data):
        record.operator, record.in_c, record.k_h, record.shifts

The engine itself makes them (engine.py), so that a kernel is generated for what the board will hand it.
"""

import tomllib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from galago.resources import firmware_dir
from galago.tflite import engine
from galago.tflite.arithmetic import quantize_multiplier

_FILE = firmware_dir() / "mobilenet" / "tflite" / "record.toml"
_LAYOUT: dict[str, Any] = tomllib.loads(_FILE.read_text(encoding="utf-8"))
_WORDS: int = _LAYOUT.pop("words")
_NAMES: dict[str, int] = {name: number for group in _LAYOUT.values() for name, number in group.items()}
CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED = 3, 4, 9
ADD, AVERAGE_POOL_2D, MEAN, SOFTMAX = 0, 1, 40, 25


@dataclass(frozen=True)
class Record:
    """One layer: its words, by their names in record.toml as attributes, and what its weights imply."""

    words: tuple[int, ...]
    multipliers: tuple[int, ...] = ()
    """Of each output channel (arithmetic.quantize_multiplier); () for a layer without weights."""
    shifts: tuple[int, ...] = ()
    """Of each output channel, positive to the left."""
    reach: tuple[int, ...] = ()
    """The largest magnitude that a sum of each output channel can have."""
    kernel: str = ""
    """The viper kernel: a file in `kernels` of the device package."""

    def __getattr__(self, name: str) -> int:
        if name in _NAMES:
            return self.words[_NAMES[name]]
        raise AttributeError(name)

    @staticmethod
    def word(name: str) -> int:
        """The position of a word in `words`."""
        return _NAMES[name]

    @property
    def ordinary(self) -> bool:
        """Whether hand-made machine code may compute the layer: it is not a general convolution."""
        return self.operator not in (CONV_2D, DEPTHWISE_CONV_2D) or not self.group_depth

    @property
    def shifted(self) -> bool:
        """Whether the weights have a zero point."""
        weighted = self.operator in (CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED)
        return weighted and self.weight_offset != 128

    @property
    def window(self) -> int:
        """Inputs to each sum of a convolution or a fully connected layer."""
        return self.k_h * self.k_w * self.in_c

    @property
    def macs(self) -> int:
        """MACs of one inference; for a layer without weights, the number of its outputs."""
        outputs = self.out_h * self.out_w * self.out_c
        if self.operator == DEPTHWISE_CONV_2D:
            return outputs * self.k_h * self.k_w
        if self.operator == CONV_2D and self.group_depth:
            return outputs * self.k_h * self.k_w * self.group_depth
        return outputs * self.window if self.operator in (CONV_2D, FULLY_CONNECTED) else outputs

    @property
    def signature(self) -> int:
        """A hash that kernels/native.py on the board compares, so that no kernel runs another layer."""
        signature = self.operator
        for word in self.words[_NAMES["in_h"] : _NAMES["in_scale"]]:
            signature = (signature * 31 + word) & 0xFFFFFF
        return signature


def read(model: bytes) -> list[Record]:
    """The records of all layers of a .tflite. Raises GalagoError as `engine.plan` does."""
    plan = engine.plan(model)
    layers = [plan.words[at : at + _WORDS] for at in range(0, len(plan.words), _WORDS)]
    return [
        with_weights(Record(words, kernel=kernel), model)
        for words, kernel in zip(layers, plan.kernels, strict=True)
    ]


def with_weights(record: Record, model: bytes) -> Record:
    """A record and what the weights of the model imply."""
    if record.operator not in (CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED) or record.group_depth:
        return record
    multipliers, shifts = factors(record, model)
    return replace(
        record,
        multipliers=tuple(multipliers.tolist()),
        shifts=tuple(shifts.tolist()),
        reach=_reach(record, model),
    )


def factors(record: Record, model: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Multipliers and shifts of the output channels of a layer with weights, int64 [out_c]."""
    # Of a fully connected layer the weights' scale is part of in_scale (operators/fully_connected.py).
    scales = np.ones(record.out_c, np.float32)
    if record.scales:
        scales[:] = np.frombuffer(model, "<f4", record.out_c if record.scale_step else 1, record.scales)
    source, target = np.array([record.in_scale, record.out_scale], np.uint32).view(np.float32)
    return quantize_multiplier(scales.astype(np.float64) * np.float64(source) / np.float64(target))


def _reach(record: Record, model: bytes) -> tuple[int, ...]:
    depthwise = record.operator == DEPTHWISE_CONV_2D
    taps = record.k_h * record.k_w if depthwise else record.window
    weights = np.frombuffer(model, np.int8, taps * record.out_c, record.weights).astype(np.int32)
    weights += 128 - record.weight_offset
    sums = np.abs(weights).reshape((taps, -1) if depthwise else (-1, taps)).sum(0 if depthwise else 1)
    biases = np.zeros(record.out_c, np.int64)
    if record.bias:
        biases = np.frombuffer(model, "<i4", record.out_c, record.bias).astype(np.int64)
    return tuple(int(reach) for reach in 255 * sums + np.abs(biases))
