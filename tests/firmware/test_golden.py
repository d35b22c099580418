# SPDX-License-Identifier: MIT
"""Golden inputs that the board makes are those of the host, with viper and without."""

import hashlib
from collections.abc import Callable

import numpy as np
import pytest

from galago.models.golden import pattern
from galago.native.verify.device import Device

PATTERNS = (-17, -3, 0, 1, 2, 3, 5, 1 << 29)
SHAPES = ((1, 1, 1), (7, 5, 3), (33, 32, 1))
SCRIPT = """
import hashlib
from mobilenet.backends import golden

class Items:  # an input that takes bytes one by one, as a K210's
    def __init__(self, size):
        self.data = bytearray(size)
    def __len__(self):
        return len(self.data)
    def __setitem__(self, index, value):
        self.data[index] = value

for number in {patterns}:
    for size in {sizes}:
        for tensor in (bytearray(size), memoryview(bytearray(size + 3))[3:], Items(size)):
            golden.fill(number, tensor)
            data = tensor.data if isinstance(tensor, Items) else tensor
            print(hashlib.sha256(data).digest().hex())
"""


def test_golden_inputs_are_those_of_the_host(micropython: Callable[..., str]) -> None:
    sizes = [int(np.prod(shape)) for shape in SHAPES]
    lines = micropython(SCRIPT.format(patterns=PATTERNS, sizes=sizes)).split()
    expected = [
        hashlib.sha256(pattern(number, shape).tobytes()).hexdigest()
        for number in PATTERNS
        for shape in SHAPES
    ]
    assert lines == [digest for digest in expected for _ in range(3)]


@pytest.mark.parametrize("arch", ["armv6m", "rv32imc"])
def test_they_are_the_same_in_32_bits(arch: str) -> None:
    fill = Device(arch).load("mobilenet.tflite.patterns").fill  # type: ignore[attr-defined]
    for number in PATTERNS:
        tensor = bytearray(301)
        fill(tensor, len(tensor), number)
        assert tensor == pattern(number, (301,)).tobytes()
