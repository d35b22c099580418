# SPDX-License-Identifier: MIT
"""Pixels become the bytes that a network expects, the same on host and board."""

import json
from typing import Any

import numpy as np
import pytest

from galago.errors import GalagoError
from galago.importer import floats, ranges
from galago.importer.graph import FLOAT32, Graph
from galago.models import transform
from galago.pictures import resize
from galago.tflite import schema
from support.builder import Builder

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


def starting_with(steps: list[tuple[str, Any]]) -> Graph:
    """A float graph that computes with constants before its convolution."""
    builder = Builder((1, 4, 4, 3))
    x, floats_ = builder.input, [builder.input]
    for kind, values in steps:
        constant = builder.tensor("c", np.shape(values), data=np.array(values, "<f4").view(np.int32))
        y = builder.computed((1, 4, 4, 3), (1.0, 0))
        x = builder.operator(kind, [x, constant], y, schema.new(f"{kind.title()}OptionsT"))
        floats_ += [constant, y]
    for tensor in floats_:
        builder.graph.tensors[tensor].type = FLOAT32
    return Graph(builder.finish(builder.conv(x, np.ones((2, 3, 3, 3), np.int8), None, [0.1, 0.1])))


MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


@pytest.mark.parametrize(
    ("steps", "given", "ends"),
    [
        ([("DIV", 127.5), ("SUB", 1)], None, (-1, 1)),
        ([("MUL", 1 / 255)], None, (0, 1)),
        ([("MUL", 2), ("ADD", -1)], "0..1", (-1, 1)),
        ([("SUB", MEAN), ("DIV", DEVIATION)], None, (-MEAN / DEVIATION, (1 - MEAN) / DEVIATION)),
        ([("SUB", 255 * MEAN), ("MUL", [1 / 58, 1 / 57, 1 / 57])], None,
         (-255 * MEAN / [58, 57, 57], 255 * (1 - MEAN) / [58, 57, 57])),
    ],
)  # fmt: skip
def test_what_a_network_does_to_pixels_first_is_taken_in(steps: Any, given: str | None, ends: Any) -> None:
    """Rescaling, Normalization and Keras's preprocess_input become the line from 0 … 255 of each channel."""
    graph = starting_with(steps)
    lines = floats.take_preparation(graph, ranges.named(given, 3) if given else None)
    assert lines is not None
    assert graph.kinds() == ["CONV_2D"]
    for pixel, end in zip((0, 255), ends, strict=True):
        found = [factor * pixel + constant for factor, constant in lines]
        np.testing.assert_allclose(found, np.broadcast_to(end, 3), atol=1e-5)


def test_a_start_that_fits_no_pixels_is_refused() -> None:
    with pytest.raises(GalagoError, match="fits neither pixels nor 0 to 1") as caught:
        floats.take_preparation(starting_with([("MUL", 1000.0)]))
    assert caught.value.code == "model.quantization"


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
