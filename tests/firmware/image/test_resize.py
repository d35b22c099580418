# SPDX-License-Identifier: MIT
"""Resizing gives the same bytes on host and board, and is as good as Pillow's."""

import json

import numpy as np
import pytest
from PIL import Image

from galago.pictures import resize, to_input

# Rows come from a file as a camera would deliver them; prints a digest of the tensor.
SCRIPT = """
import hashlib, json
from mobilenet.image import picture
from mobilenet.image.resize import Resizer

with open(argv[0]) as cases, open(argv[1], "rb") as rows:
    for line in cases:
        width, height, target_width, target_height, channels, how, layout, bottom_up = json.loads(line)
        resizer = Resizer(target_height, target_width, channels, how)
        tensor = bytearray(target_height * target_width * channels)
        layout = getattr(picture, layout)
        left, top, columns, used = resizer.begin(width, height, tensor, layout, bottom_up)
        for y in range(height):
            row = rows.read(width * layout[0])
            from_top = height - 1 - y if bottom_up else y
            if top <= from_top < top + used:
                resizer.push(memoryview(row)[left * layout[0] : (left + columns) * layout[0]])
        print(hashlib.sha256(tensor).digest().hex())
"""


LAYOUTS = ["RGB", "BGR", "BGRX", "GREY", "RGB565", "RGB565_LOW", "BGR565", "BGR565_LOW"]


def _rounded(rgb, layout):
    # What the layout keeps of the pixels; 31 and 63 are 255.
    if layout == "GREY":
        return np.repeat(rgb[..., :1], 3, axis=2)
    if "565" in layout:
        red, green, blue = np.moveaxis(rgb.astype(int), 2, 0)
        red, green, blue = red >> 3, green >> 2, blue >> 3
        rgb = np.stack([red << 3 | red >> 2, green << 2 | green >> 4, blue << 3 | blue >> 2], axis=2)
    return rgb.astype(np.uint8)


def _rows(rgb, layout, bottom_up):
    if "565" in layout:
        red, green, blue = np.moveaxis(
            (rgb if layout.startswith("RGB") else rgb[..., ::-1]).astype(int), 2, 0
        )
        words = red >> 3 << 11 | green >> 2 << 5 | blue >> 3
        rgb = words.astype("<u2" if layout.endswith("LOW") else ">u2")
    elif layout == "GREY":
        rgb = rgb[..., :1]
    elif layout == "BGR":
        rgb = rgb[..., ::-1]
    elif layout == "BGRX":
        rgb = np.concatenate([rgb[..., ::-1], np.full_like(rgb[..., :1], 77)], axis=2)
    return np.ascontiguousarray(rgb[::-1] if bottom_up else rgb).tobytes()


def _run(micropython, folder, cases):
    from hashlib import sha256

    expected, lines, rows = [], [], []
    for rgb, case in cases:
        target_width, target_height, channels, how, layout, bottom_up = case
        rgb = _rounded(rgb, layout)
        expected.append(
            sha256(to_input(rgb, target_height, target_width, channels, how).tobytes()).hexdigest()
        )
        lines.append(json.dumps([rgb.shape[1], rgb.shape[0], *case]))
        rows.append(_rows(rgb, layout, bottom_up))
    (folder / "cases").write_text("\n".join(lines))
    (folder / "rows").write_bytes(b"".join(rows))
    printed = micropython(SCRIPT, folder / "cases", folder / "rows").split()
    wrong = [line for line, a, b in zip(lines, expected, printed, strict=True) if a != b]
    assert not wrong


def test_random_sizes_give_the_same_bytes_on_host_and_board(micropython, tmp_path):
    random = np.random.default_rng(1)
    sizes = [1, 2, 3, 5, 17, 32, 48, 95, 96, 97, 192, 200, 331]
    cases = []
    for _ in range(400):
        height, width, target_height, target_width = random.choice(sizes, 4)
        if random.random() < 0.5:
            target_height = target_width
        rgb = random.integers(0, 256, (height, width, 3), np.uint8)
        how = str(random.choice(["crop", "stretch", "pad"]))
        layout = str(random.choice(LAYOUTS))
        channels = int(random.choice([1, 3]))
        cases.append(
            (rgb, (int(target_width), int(target_height), channels, how, layout, bool(random.random() < 0.5)))
        )
    _run(micropython, tmp_path, cases)


@pytest.mark.parametrize(("height", "width"), [(16384, 3), (3, 16384), (1, 1), (1, 16384)])
def test_extreme_sizes_of_white_stay_white(micropython, tmp_path, height, width):
    # White maximizes every sum.
    white = np.full((height, width, 3), 255, np.uint8)
    for how in ("crop", "stretch"):
        assert (resize(white, 96, 96, 3, how) == 255).all()
    _run(
        micropython, tmp_path, [(white, (96, 96, 3, how, "RGB", False)) for how in ("crop", "stretch", "pad")]
    )


def test_no_sum_leaves_31_bits():
    # The largest sums of resize.py for a side of 16,384 pixels and for an input of 1,024, on a 32-bit board.
    for total in (16384, 2 * 1024):
        assert 255 * total * 256 + total // 2 < 2**31
        assert 255 * 256 * total + 128 * total < 2**31
        assert 256 * total < 2**31
    assert 16384 * (1024 + 1) < 2**30  # the end of a span must be a small int of a 32-bit board


def test_shrinking_is_the_exact_area_mean():
    # With every source pixel repeated as often as the target is long, target pixels are means of blocks.
    rgb = np.random.default_rng(4).integers(0, 256, (50, 71, 3), np.uint8)
    repeated = rgb.astype(float).repeat(24, axis=0).repeat(32, axis=1)
    exact = repeated.reshape(24, 50, 32, 71, 3).mean(axis=(1, 3))
    assert np.abs(resize(rgb, 24, 32, 3, "stretch") - exact).max() <= 0.51


def test_shrinking_is_close_to_pillows_box(data):
    for path in sorted((data / "images" / "imagenet_samples").glob("*.jp*g"))[:100]:
        picture = Image.open(path).convert("RGB")
        pillow = np.asarray(picture.resize((96, 96), Image.Resampling.BOX)).astype(int)
        assert np.abs(resize(np.asarray(picture), 96, 96, 3, "stretch") - pillow).mean() < 4
        whole = picture.resize((384, 384))
        assert np.abs(resize(np.asarray(whole), 96, 96).astype(int) - np.asarray(whole.reduce(4))).max() <= 1


def test_enlarging_is_linear():
    rgb = np.random.default_rng(2).integers(0, 256, (24, 31, 3), np.uint8)
    pillow = np.asarray(Image.fromarray(rgb).resize((96, 80), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(resize(rgb, 80, 96, 3, "stretch").astype(int) - pillow).max() <= 1


def test_grey_is_pillows_luma():
    rgb = np.random.default_rng(3).integers(0, 256, (64, 64, 3), np.uint8)
    assert (resize(rgb, 64, 64, 1)[..., 0] == np.asarray(Image.fromarray(rgb).convert("L"))).all()
    assert (resize(rgb, 64, 64, 3) == rgb).all()


def test_crop_is_centred_and_pad_is_128():
    rgb = np.zeros((10, 30, 3), np.uint8)
    rgb[:, 10:20] = 200
    assert (resize(rgb, 5, 5, 3, "crop") == 200).all()
    padded = resize(rgb, 30, 30, 3, "pad")
    assert (padded[:10] == 128).all()
    assert (padded[20:] == 128).all()
    assert (padded[10:20] == rgb).all()
    assert (to_input(rgb, 30, 30, 3, "pad")[:10] == 0).all()
