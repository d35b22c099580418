# SPDX-License-Identifier: MIT
"""The board's JPEG decoder returns the bytes of libjpeg, which Pillow uses, or reports what is wrong."""

import json
from hashlib import sha256
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

# Decodes windows at a scale; prints a digest of the pixels of each picture, or the error.
DECODE = """
import hashlib, json
from mobilenet import GalagoError
from mobilenet.image import open_picture

with open(argv[0]) as cases:
    for line in cases:
        path, divisor, window = json.loads(line)
        try:
            with open_picture(path) as picture:
                picture.reduce(divisor)
                digest = hashlib.sha256()
                for row in picture.rows(*window or (0, 0, picture.width, picture.height)):
                    digest.update(row)
                print(json.dumps(digest.digest().hex()))
        except GalagoError as error:
            print(json.dumps([error.code, error.message]))
"""


@pytest.fixture
def decode(micropython, tmp_path):
    """Runs (path, divisor, window or None) cases; returns digests, or [code, message]."""

    def run(cases):
        (tmp_path / "cases").write_text("\n".join(json.dumps([str(path), *rest]) for path, *rest in cases))
        return [json.loads(line) for line in micropython(DECODE, tmp_path / "cases").splitlines()]

    return run


def pillow(path, divisor, window):
    """The digest that Pillow's pixels have."""
    with Image.open(path) as image:
        image.draft(None, (image.width // divisor, image.height // divisor))
        pixels = np.asarray(image)
    if window:
        left, top, width, height = window
        pixels = pixels[top : top + height, left : left + width]
    return sha256(pixels.tobytes()).hexdigest()


def soft(random, height, width):
    """A picture of blurred noise: every coefficient occurs, and few samples are clamped."""
    noise = random.integers(0, 256, (height // 6 + 2, width // 6 + 2, 3), np.uint8)
    image = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
    pixels = np.asarray(image).astype(int) + random.integers(-12, 13, (height, width, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def segment(data, marker):
    """Where the content of a segment begins."""
    at = 2
    while data[at + 1] != marker:
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return at + 4


def resampled(random, width, height, factors):
    """A three-component JPEG with any sampling factors, its blocks those of a grey picture.

    All components then use the same tables, and the scan serves as one of any layout.
    """
    grey = BytesIO()
    Image.fromarray(96 + np.asarray(soft(random, 160, 160).convert("L")) // 8).save(grey, "JPEG", quality=90)
    data = grey.getvalue()
    frame, scan = segment(data, 0xC0), segment(data, 0xDA)
    parts = b"".join(bytes((i + 1, h << 4 | v, 0)) for i, (h, v) in enumerate(factors))
    sof = b"\x08" + height.to_bytes(2) + width.to_bytes(2) + b"\x03" + parts
    sos = b"\x03\x01\x00\x02\x00\x03\x00\x00\x3f\x00"
    data = data[: scan - 2] + b"\x00\x0c" + sos + data[scan + 6 :]
    return data[: frame - 2] + b"\x00\x11" + sof + data[frame + 9 :]


def test_subsampling_quality_restarts_and_odd_sizes_equal_pillow(decode, tmp_path):
    random = np.random.default_rng(11)
    cases = []
    sizes = [(1, 1), (2, 3), (8, 8), (15, 17), (16, 16), (17, 33), (35, 31), (64, 50), (97, 131)]
    for i in range(150):
        width, height = sizes[i % len(sizes)]
        image = soft(random, height, width)
        options = {
            "quality": int(random.choice([5, 30, 75, 95, 100])),
            "optimize": bool(random.random() < 0.3),
        }
        if random.random() < 0.2:
            image = image.convert("L")
        else:
            options["subsampling"] = int(random.integers(0, 3))
        if random.random() < 0.4:
            options["restart_marker_blocks"] = int(random.integers(1, 9))
        path = tmp_path / f"{i}.jpg"
        image.save(path, **options)
        # Pillow does not reduce to less than a pixel.
        cases.extend((path, divisor, None) for divisor in (1, 2, 4, 8) if divisor <= min(width, height))
    assert decode(cases) == [pillow(*case) for case in cases]


def test_any_sampling_factors_equal_pillow(decode, tmp_path):
    random = np.random.default_rng(12)
    pairs = [(1, 1), (1, 2), (2, 1), (2, 2)]
    cases = []
    for luma in pairs:
        for cb in pairs:
            for cr in pairs:
                if luma[0] * luma[1] + cb[0] * cb[1] + cr[0] * cr[1] > 10:  # not allowed in a scan
                    continue
                path = tmp_path / f"{luma}{cb}{cr}.jpg"
                path.write_bytes(resampled(random, 61, 43, (luma, cb, cr)))
                cases.extend((path, divisor, None) for divisor in (1, 2, 4, 8))
    assert decode(cases) == [pillow(*case) for case in cases]


def test_windows_equal_the_same_part_of_the_whole(decode, tmp_path):
    random = np.random.default_rng(13)
    cases = []
    for i in range(120):
        width, height, divisor = int(random.integers(8, 130)), int(random.integers(8, 130)), 2 ** (i % 4)
        path = tmp_path / f"{i}.jpg"
        soft(random, height, width).save(path, subsampling=i % 3)
        across, down = -(-width // divisor), -(-height // divisor)
        left, top = int(random.integers(across)), int(random.integers(down))
        window = (
            left,
            top,
            int(random.integers(1, across - left + 1)),
            int(random.integers(1, down - top + 1)),
        )
        cases.append((path, divisor, window))
    assert decode(cases) == [pillow(*case) for case in cases]


def test_200_real_photos_equal_pillow(decode, data):
    flowers = sorted((data / "images" / "flowers" / "test").rglob("*.jpg"))[::4][:80]
    paths = flowers + sorted((data / "images" / "imagenet_val650").glob("*.JPEG"))[:120]
    assert len(paths) == 200
    cases = [(path, 1, None) for path in paths]
    results = decode(cases)
    unread = [
        (path.name, result) for path, result in zip(paths, results, strict=True) if isinstance(result, list)
    ]
    assert unread == []
    assert results == [pillow(*case) for case in cases]


def test_rgb_and_adobe_jpegs_equal_pillow(decode, tmp_path):
    image = soft(np.random.default_rng(14), 40, 50)
    image.save(tmp_path / "rgb.jpg", keep_rgb=True)
    assert decode([(tmp_path / "rgb.jpg", 1, None)]) == [pillow(tmp_path / "rgb.jpg", 1, None)]
    image.save(tmp_path / "ycc.jpg", subsampling=2)
    data = (tmp_path / "ycc.jpg").read_bytes()
    jfif = segment(data, 0xE0)
    for transform in (0, 1):
        adobe = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + bytes((transform,))
        (tmp_path / "adobe.jpg").write_bytes(b"\xff\xd8" + adobe + data[jfif + 14 :])
        assert decode([(tmp_path / "adobe.jpg", 1, None)]) == [pillow(tmp_path / "adobe.jpg", 1, None)]


def test_comments_metadata_and_fill_bytes_are_skipped(decode, tmp_path):
    image = soft(np.random.default_rng(15), 40, 50)
    image.save(tmp_path / "plain.jpg")
    data = (tmp_path / "plain.jpg").read_bytes()
    big = b"\xff\xe1\xff\xff" + bytes(65533)
    (tmp_path / "full.jpg").write_bytes(
        data[:2] + b"\xff\xff\xff\xfe\x00\x06hey!" + big + b"\xff\xff" + data[2:]
    )
    plain, full = decode([(tmp_path / name, 1, None) for name in ("plain.jpg", "full.jpg")])
    assert plain == full == pillow(tmp_path / "plain.jpg", 1, None)


def test_eight_huffman_tables_and_wide_factors_equal_pillow(decode, tmp_path):
    soft(np.random.default_rng(18), 40, 50).save(tmp_path / "usual.jpg", subsampling=2)
    data = (tmp_path / "usual.jpg").read_bytes()
    changed, copies, at = data[:2], b"", 2
    while data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        kind, number, content = data[at + 1], data[at + 4], data[at + 5 : end]
        if kind == 0xC4:
            copies += data[at : at + 4] + bytes((number + 2,)) + content
        if kind == 0xDB:  # factors of 16 bits
            changed += (
                b"\xff\xdb\x00\x83" + bytes((number | 16,)) + b"\0" + b"\0".join(bytes((f,)) for f in content)
            )
        else:
            changed += data[at:end]
        at = end
    scan = bytearray(data[at:])
    scan[8] = scan[10] = 0x33  # chroma uses the copies
    (tmp_path / "unusual.jpg").write_bytes(changed + copies + scan)
    expected = pillow(tmp_path / "usual.jpg", 1, None)
    assert pillow(tmp_path / "unusual.jpg", 1, None) == expected
    assert decode([(tmp_path / "unusual.jpg", 1, None)]) == [expected]


def test_a_short_code_of_a_large_coefficient_equals_pillow(decode, tmp_path):
    # One bit of code and seven of the coefficient are looked up at once.
    values = (64, 100, 127, -64, -100, -127)
    bits = "".join(f"00{value + 127 * (value < 0):07b}10" for value in values)  # DC 0, AC, the block's end
    bits += "1" * (-len(bits) % 8)
    scan = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)).replace(b"\xff", b"\xff\0")
    segments = (
        (0xDB, b"\0" + b"\1" * 64),
        (0xC0, bytes((8, 0, 8, 0, 8 * len(values), 1, 1, 0x11, 0))),
        (0xC4, b"\x00" + bytes((1,) + 15 * (0,)) + b"\0"),
        (0xC4, b"\x10" + bytes((1, 1) + 14 * (0,)) + b"\x07\0"),
        (0xDA, bytes((1, 1, 0, 0, 63, 0))),
    )
    head = b"".join(bytes((0xFF, kind)) + (2 + len(each)).to_bytes(2) + each for kind, each in segments)
    path = tmp_path / "short.jpg"
    path.write_bytes(b"\xff\xd8" + head + scan + b"\xff\xd9")
    assert decode([(path, 1, None)]) == [pillow(path, 1, None)]


def test_what_is_not_baseline_is_refused_by_name(decode, tmp_path):
    image = soft(np.random.default_rng(16), 40, 50)
    image.save(tmp_path / "progressive.jpg", progressive=True)
    image.convert("CMYK").save(tmp_path / "cmyk.jpg")
    image.save(tmp_path / "baseline.jpg", subsampling=0)
    data = bytearray((tmp_path / "baseline.jpg").read_bytes())
    frame = segment(data, 0xC0)

    def variant(name, at, value):
        changed = bytearray(data)
        changed[at] = value
        (tmp_path / name).write_bytes(changed)

    variant("arithmetic.jpg", frame - 3, 0xC9)
    variant("lossless.jpg", frame - 3, 0xC3)
    variant("deep.jpg", frame, 12)
    variant("wide.jpg", frame + 7, 0x41)
    expected = {
        "progressive.jpg": "progressive JPEG",
        "cmyk.jpg": "CMYK JPEG",
        "arithmetic.jpg": "arithmetic-coded JPEG",
        "lossless.jpg": "lossless JPEG",
        "deep.jpg": "JPEG with 12 bits per sample",
        "wide.jpg": "JPEG with a sampling factor above 2",
    }
    for (name, kind), (code, message) in zip(
        expected.items(), decode([(tmp_path / name, 1, None) for name in expected]), strict=True
    ):
        assert code == "image.unsupported"
        assert message == (
            f"{name}: the board does not read {kind}: "
            "convert it, or send it with galago classify, which converts"
        )


def test_damage_is_named_with_counts(decode, tmp_path):
    path = tmp_path / "broken.jpg"
    soft(np.random.default_rng(17), 64, 48).save(path, subsampling=2, restart_marker_blocks=1)
    data = path.read_bytes()

    def outcome(damaged):
        path.write_bytes(damaged)
        (result,) = decode([(path, 1, None)])
        return result

    scan = segment(data, 0xDA)
    assert outcome(data[: scan + 40]) == [
        "image.truncated",
        f"broken.jpg: JPEG ends after {scan + 40} bytes, in row 0 of 64: copy it again",
    ]
    rest = data[: scan + 40] + b"\xff\xd9" + bytes(9000)
    assert outcome(rest) == [
        "image.truncated",
        f"broken.jpg: JPEG ends after {scan + 40} of {len(rest):,} bytes, in row 0 of 64: copy it again",
    ]
    assert outcome(data[:100]) == [
        "image.truncated",
        "broken.jpg: JPEG ends after 100 bytes, inside its header: copy it again",
    ]
    at = data.index(b"\xff\xd0", scan)
    code, message = outcome(data[:at] + b"\xff\xd3" + data[at + 2 :])
    assert code == "image.corrupt"
    assert "restart marker" in message
    table = segment(data, 0xC4)
    code, message = outcome(data[: table + 1] + b"\xff" * 16 + data[table + 17 :])
    assert code == "image.corrupt"
    frame = segment(data, 0xC0)
    code, message = outcome(data[: frame + 1] + b"\xff\xff\xff\xff" + data[frame + 5 :])
    assert code == "image.size"
    assert message == "broken.jpg: JPEG of 65535x65535 pixels, a side may have 1 to 16,384: resize it"
