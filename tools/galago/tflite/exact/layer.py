# SPDX-License-Identifier: MIT
"""A layer as the engine's loader checked it, and the model's bytes that its kernel reads.

layers = [Layer(...)]                          # exact/__init__.py
layer.record.in_zero, layer.second(inputs), layer.clamp(values)
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from galago.tflite.records import Record

Int8 = NDArray[np.int8]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Layer:
    """One layer of a model. `inputs` and `output` are tensor indexes of its graph, constants left out."""

    kernel: str
    """The name of the file that computes it, here and in the device's `kernels`."""
    record: Record
    tail: tuple[int, ...]
    """Words that follow the record, of operators that need more."""
    inputs: tuple[int, ...]
    output: int
    model: bytes

    def image(self, values: Int8) -> Int8:
        """The input as int8 [in_h, in_w, in_c]."""
        return values.reshape(self.record.in_h, self.record.in_w, self.record.in_c)

    def constant(self, position: int, count: int) -> Int8:
        """`count` int8 of the model."""
        return np.frombuffer(self.model, np.int8, count, position)

    def second(self, inputs: list[Int8]) -> Int8:
        """The second input of an elementwise operator, repeated to the size of the first, int8 [elements]."""
        record = self.record
        other = self.constant(record.constant, record.count) if record.constant else inputs[-1].ravel()
        return np.resize(other, inputs[0].size)

    def clamp(self, values: Integers) -> Int8:
        """The outputs in the range of the fused activation, with the output's zero point added."""
        return np.clip(values + self.record.out_zero, self.record.lowest, self.record.highest).astype(np.int8)
