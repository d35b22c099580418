# SPDX-License-Identifier: MIT
"""Pixels become the bytes that a network expects, the same on host and board."""

import json
from typing import Any

import numpy as np
import pytest

from galago.errors import GalagoError
from galago.importer import ranges
from galago.models import transform
from galago.pictures import resize

SCRIPT = """
import json
from binascii import hexlify
from mobilenet.image.resize import Resizer

with open(argv[0]) as cases, open(argv[1], "rb") as rows:
    for line in cases:
        width, height, size, channels, how, pairs = json.loads(line)
        resizer, tensor = Resizer(size, size, channels, how, pairs), bytearray(size * size * channels)
        left, top, columns, used = resizer.begin(width, height, tensor)
        for y in range(height):
            row = rows.read(3 * width)
            if top <= y < top + used:
                resizer.push(memoryview(row)[3 * left : 3 * (left + columns)])
        print(hexlify(tensor).decode())
"""
SEEN = {  # quantizations of public models → their range
    (1 / 255, -128): "0..1",
    (0.0031, -128): "0..1",
    (1.0, -128): "0..255",
    (0.99, -128): "0..255",
    (0.0078431, -1): "-1..1",
    (0.0078431, 0): "-1..1",
    (1 / 128, 0): ranges.GALAGO,
    (0.0187, -14): "imagenet",
    (0.0039, 0): "-0.5..0.5",
    (0.02, -128): None,
    (0.1, 0): None,
}


@pytest.mark.parametrize(("quantization", "name"), SEEN.items())
def test_the_range_is_found_from_the_quantization(quantization: tuple[float, int], name: str | None) -> None:
    assert ranges.of_quantization(*quantization) == name


def test_the_usual_inputs_need_no_table() -> None:
    for quantization, name in SEEN.items():
        if name not in (None, "imagenet") and quantization[0] not in (0.0031, 0.99, 0.0039):
            assert ranges.transform(ranges.named(str(name), 3), *quantization) is None, name


@pytest.mark.parametrize(
    ("name", "scale", "zero"), [("0..1", 0.0031, -128), ("imagenet", 0.0187, -14), ("0..255", 0.7, -128)]
)
def test_the_table_rounds_what_the_network_was_trained_on(name: str, scale: float, zero: int) -> None:
    lines = ranges.named(name, 3)
    pairs = ranges.transform(lines, scale, zero)
    assert pairs is not None
    for (a, b), pair in zip(lines, pairs, strict=True):
        exact = ((a * np.arange(256) + b) / scale + zero).clip(-128, 127)
        assert np.abs(transform.values(*pair) - exact).max() <= 0.51


def test_a_line_is_found_through_any_rounded_values() -> None:
    random = np.random.default_rng(5)
    for _ in range(300):
        factor, constant = random.uniform(0.05, 8), random.uniform(-400, 100)
        wanted = np.floor(np.arange(256) * factor + constant + 0.5).clip(-128, 127)
        if len(set(wanted)) < 4:
            continue
        assert np.array_equal(transform.values(*transform.fitted(wanted)), wanted)
    with pytest.raises(ValueError, match="straight"):
        transform.fitted((np.arange(256) ** 2 // 300 - 128).clip(-128, 127))
    with pytest.raises(ValueError, match="rise"):
        transform.fitted(127 - np.arange(256))


@pytest.mark.parametrize("name", ["0-255", "1..0", "nan..1", "imagenet", "", "0..1e9"])
def test_other_ranges_are_refused(name: str) -> None:
    with pytest.raises(GalagoError) as caught:
        ranges.named(name, 1)
    assert caught.value.code == "config.invalid"


def test_host_and_board_compute_the_same_inputs(micropython: Any, tmp_path: Any) -> None:
    random = np.random.default_rng(7)
    lines, rows, expected = [], [], []
    for number in range(60):
        width, height, size = (int(n) for n in random.integers(3, 20, 3))
        channels, how = int(random.choice([1, 3])), ("crop", "stretch", "pad")[number % 3]
        rgb = random.integers(0, 256, (height, width, 3), np.uint8)
        pairs = [
            [int(random.integers(1, 1 << 22)), int(random.integers(-(1 << 30), 1 << 30))]
            for _ in range(channels)
        ]
        if number % 4 == 0:
            pairs = [pairs[0]] * channels
        lines.append(json.dumps([width, height, size, channels, how, pairs]))
        rows.append(rgb.tobytes())
        table = transform.table({"transform": pairs})
        expected.append(transform.apply(resize(rgb, size, size, channels, how), table).tobytes().hex())  # type: ignore[arg-type]
    (tmp_path / "cases").write_text("\n".join(lines))
    (tmp_path / "rows").write_bytes(b"".join(rows))
    assert micropython(SCRIPT, tmp_path / "cases", tmp_path / "rows").split() == expected
