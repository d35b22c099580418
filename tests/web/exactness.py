# SPDX-License-Identifier: MIT
"""Every tensor of a model in an exported page's code, in Node.js, beside TensorFlow Lite Micro's.

found = compare(tflite, inputs)         # int8 [n, h, w, c]
found.tensors, found.bytes              # how many were compared
found.differ                            # how many differ: {"simd": 0, "plain": 0}
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np

from galago.tflite.tflm import Tflm
from galago.web import export
from galago.web.node import Node

WAYS = {"simd": True, "plain": False}


@dataclass
class Compared:
    """The counts of one or more models."""

    inputs: int = 0
    tensors: int = 0
    bytes: int = 0
    differ: dict[str, int] = field(default_factory=lambda: dict.fromkeys(WAYS, 0))

    def __add__(self, other: "Compared") -> "Compared":
        differ = {way: self.differ[way] + other.differ[way] for way in WAYS}
        return Compared(
            self.inputs + other.inputs, self.tensors + other.tensors, self.bytes + other.bytes, differ
        )


def compare(tflite: bytes, inputs: Iterable[np.ndarray]) -> Compared:
    """Runs each input, int8 [h, w, c], with SIMD and without, and in TensorFlow Lite Micro."""
    reference = Tflm(tflite)
    _, height, width, channels = reference.input_shape
    entry = {"height": height, "width": width, "channels": channels, "resize": "crop"}
    module = export.module({**export.contents(tflite), "contract": {"input": entry}})
    result = Compared()
    with Node(module) as simd, Node(module, simd=False) as plain:
        for picture in inputs:
            expected = reference.tensors(picture)
            found = {"simd": simd.layers(picture), "plain": plain.layers(picture)}
            layers = [tensor for tensor, _ in found["simd"]]
            digests = [sha256(expected[tensor].tobytes()).hexdigest() for tensor in layers]
            result.inputs += 1
            result.tensors += len(layers)
            result.bytes += sum(expected[tensor].nbytes for tensor in layers)
            for way in WAYS:
                pairs = zip(found[way], digests, strict=True)
                result.differ[way] += sum(digest != wanted for (_, digest), wanted in pairs)
    return result


def noise(rng: np.random.Generator, shape: tuple[int, ...], count: int) -> Iterable[np.ndarray]:
    """Random inputs; every fourth has only the least and the largest value."""
    for number in range(count):
        if number % 4 == 3:
            yield rng.choice(np.array([-128, 127], np.int8), shape)
        else:
            yield rng.integers(-128, 128, shape).astype(np.int8)
