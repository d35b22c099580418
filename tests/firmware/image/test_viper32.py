# SPDX-License-Identifier: MIT
"""With 32-bit words the kernels compute the same, and no file makes them access bytes outside a buffer."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
import viper32
from PIL import Image

from galago.pictures import as_board, to_input

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def image():
    """The device's mobilenet.image with all decoders, with 32-bit words."""
    for part in ("errors", "image.jpeg.scan", "image.bmp", "image.ppm"):
        viper32.load(f"mobilenet.{part}")
    return viper32.load("mobilenet.image")


def _noise(height, width, seed=0):
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize(("height", "width"), [(16384, 1), (1, 16384), (64, 64), (3, 2)])
def test_the_longest_sides_of_white_do_not_overflow(image, height, width):
    white = np.full((height, width, 3), 255, np.uint8)
    for how in ("crop", "stretch"):
        resizer = image.Resizer(3, 4, 3, how)
        tensor = bytearray(3 * 4 * 3)
        left, top, columns, rows = resizer.begin(width, height, tensor)
        for row in white[top : top + rows, left : left + columns]:
            resizer.push(row.tobytes())
        assert tensor == to_input(white, 3, 4, 3, how).tobytes() == b"\x7f" * 36


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("quality", [1, 60, 100])
def test_jpeg_of_extreme_contrast_equals_pillow(image, tmp_path, subsampling, quality):
    # Random black and white pixels maximize the coefficients.
    path = tmp_path / "noise.jpg"
    noise = np.where(_noise(24, 40) > 127, 255, 0).astype(np.uint8)
    Image.fromarray(noise).save(path, subsampling=subsampling, quality=quality)
    for size in (12, 6, 3, 1):  # decoded at 1/1, 1/2, 1/4 and 1/8
        tensor = bytearray(size * size * 3)
        image.Resizer(size, size).read(str(path), tensor)
        assert tensor == as_board(path, size, size).tobytes()


@pytest.mark.slow
def test_damaged_files_never_reach_outside_a_buffer(image, tmp_path):
    from mobilenet.errors import GalagoError  # type: ignore[import-not-found]

    random = np.random.default_rng(5)
    originals = []
    kinds: list[dict[str, Any]] = [{"subsampling": 2}, {"subsampling": 1, "restart_marker_blocks": 1}]
    for options in [*kinds, {"subsampling": 0}]:
        buffer = BytesIO()
        Image.fromarray(_noise(20, 20)).save(buffer, "JPEG", quality=40, **options)
        originals.append(buffer.getvalue())
    path = tmp_path / "damaged.jpg"
    read = refused = 0
    for i in range(60):
        data = bytearray(originals[i % 3])
        for _ in range(random.integers(1, 4)):
            data[random.integers(2, len(data))] = random.integers(256)
        path.write_bytes(data)
        resizer = image.Resizer(8, 8)
        try:
            resizer.read(str(path), bytearray(192))
            read += 1
        except GalagoError:
            refused += 1
    assert read > 15
    assert refused > 15
