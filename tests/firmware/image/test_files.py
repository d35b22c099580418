# SPDX-License-Identifier: MIT
"""Pictures from files: all formats, refusals, damage of all kinds, and memory."""

import json
import os
import re
import struct
import subprocess
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from galago import micropython
from galago.pictures import as_board, load, to_input
from galago.resources import firmware_dir

# Resizes pictures; prints a digest of each tensor, or the error.
READ = """
import hashlib, json
from mobilenet import GalagoError
from mobilenet.image import Resizer

height, width, channels, how = json.loads(argv[1])
resizer = Resizer(height, width, channels, how)
tensor = bytearray(height * width * channels)
with open(argv[0]) as paths:
    for path in json.load(paths):
        try:
            resizer.read(path, tensor)
            print(json.dumps(hashlib.sha256(tensor).digest().hex()))
        except GalagoError as error:
            print(json.dumps([error.code, error.message]))
"""


@pytest.fixture
def read(micropython, tmp_path):
    """Runs paths through a Resizer; returns digests, or [code, message]."""

    def run(paths, height=24, width=24, channels=3, how="crop", **options):
        (tmp_path / "paths").write_text(json.dumps([str(path) for path in paths]))
        shape = json.dumps([height, width, channels, how])
        printed = micropython(READ, tmp_path / "paths", shape, **options)
        return [json.loads(line) for line in printed.splitlines()]

    return run


def digest(tensor):
    from hashlib import sha256

    return sha256(tensor.tobytes()).hexdigest()


def picture(height, width, seed=1):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def bmp(rgb, bits=24, top_down=False, header=40, gap=0):
    """Returns a BMP file; Pillow does not write top-down ones."""
    height, width, _ = rgb.shape
    pixels = (
        rgb[..., ::-1] if bits == 24 else np.dstack([rgb[..., ::-1], np.full((height, width), 9, np.uint8)])
    )
    rows = pixels.reshape(height, -1)
    rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)), constant_values=0xEE)
    start = 14 + header + gap
    info = struct.pack("<IiiHHIIiiII", header, width, -height if top_down else height, 1, bits, *(0,) * 6)
    data = (rows if top_down else rows[::-1]).tobytes()
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + info + bytes(start - 54) + data


@pytest.mark.parametrize("how", ["crop", "stretch", "pad"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_kind_gives_the_hosts_bytes(read, tmp_path, how, channels):
    paths = []
    for height, width in [(1, 1), (7, 5), (24, 24), (31, 50), (200, 33)]:
        rgb = picture(height, width)
        name = f"{height}x{width}"
        for i, data in enumerate(
            (bmp(rgb), bmp(rgb, 32), bmp(rgb, 24, True), bmp(rgb, 32, True, header=124, gap=6))
        ):
            paths.append(tmp_path / f"{name}-{i}.bmp")
            paths[-1].write_bytes(data)
        for mode, suffix in (("RGB", "ppm"), ("L", "pgm"), ("RGB", "jpg"), ("L", "jpeg")):
            paths.append(tmp_path / f"{name}.{suffix}")
            Image.fromarray(rgb).convert(mode).save(paths[-1])
        paths.append(tmp_path / f"{name}-comment.ppm")
        paths[-1].write_bytes(b"P6\n#\xff 1 2 3\n %d#\n\t%d # 7\r255\n" % (width, height) + rgb.tobytes())
    expected = [digest(as_board(path, 24, 24, channels, how)) for path in paths]
    assert read(paths, 24, 24, channels, how) == expected
    plain = [path for path in paths if path.suffix != ".jpg"]
    assert expected[0] == digest(to_input(load(plain[0]), 24, 24, channels, how))


@pytest.mark.parametrize("how", ["crop", "stretch", "pad"])
def test_photos_are_turned_upright_as_on_the_host(read, tmp_path, how):
    paths = []
    for turn in range(11):  # 0, 9 and 10 are no orientations
        exif = Image.Exif()
        exif[0x010F], exif[0x0112] = "maker", turn
        for name, rgb in (("even", picture(40, 64)), ("odd", picture(87, 35)), ("small", picture(5, 8))):
            paths.append(tmp_path / f"{name}-{turn}.jpg")
            data = exif.tobytes() if turn % 2 else _big_endian(turn)
            Image.fromarray(rgb).save(paths[-1], exif=data)
            upright = np.asarray(ImageOps.exif_transpose(Image.open(paths[-1])))
            assert np.array_equal(load(paths[-1]), upright)
            # Pillow turns first, boards last: the axes are rounded in another order, and odd margins differ.
            if name == "even" and how != "pad":
                differences = as_board(paths[-1], 20, 30, 3, how).astype(int) - to_input(
                    upright, 20, 30, 3, how
                )
                assert np.abs(differences).max() <= 1
    assert read(paths, 20, 30, 3, how) == [digest(as_board(path, 20, 30, 3, how)) for path in paths]


def _big_endian(turn):
    """Returns EXIF data as Motorola's processors order it, with the orientation after another entry."""
    entries = struct.pack(">HHIHH", 0x0100, 3, 1, 7, 0) + struct.pack(">HHIHH", 0x0112, 3, 1, turn, 0)
    return b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 2) + entries + bytes(4)


def test_damaged_exif_data_is_ignored(read, tmp_path):
    whole = _big_endian(6)
    Image.fromarray(picture(30, 40)).save(tmp_path / "plain.jpg")
    plain = (tmp_path / "plain.jpg").read_bytes()
    paths = [tmp_path / "plain.jpg"]
    damaged = [whole[:size] for size in range(0, 40, 3)]
    damaged += [
        whole.replace(b"MM", b"MI"),
        whole[:10] + b"\xff" * 4 + whole[14:],
        b"http://ns.adobe.com/\0x",
    ]
    for number, data in enumerate(damaged):
        paths.append(tmp_path / f"{number}.jpg")
        segment = b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data
        paths[-1].write_bytes(plain[:2] + segment + plain[2:])
    assert read(paths) == [digest(as_board(path, 24, 24)) for path in paths]
    assert len(set(read(paths))) == 1


def test_large_jpegs_are_decoded_at_the_scale_that_the_host_predicts(read, tmp_path):
    random = np.random.default_rng(3)
    for how in ("crop", "stretch", "pad"):
        paths = []
        for i in range(12):
            width, height = (int(n) for n in random.integers(30, 500, 2))
            paths.append(tmp_path / f"{i}.jpg")
            small = Image.fromarray(picture(height // 9 + 1, width // 9 + 1, i))
            small.resize((width, height)).save(paths[-1], subsampling=i % 3)
        assert read(paths, 16, 20, 3, how) == [digest(as_board(path, 16, 20, 3, how)) for path in paths]


def test_decoding_at_a_scale_is_the_mean_of_squares(data, tmp_path):
    # The differences are rounding, clamping and the upsampling of chroma.
    for i, path in enumerate(sorted((data / "images" / "imagenet_samples").glob("*.JPEG"))[:40]):
        square = tmp_path / "square.jpg"
        Image.open(path).convert("RGB").crop((0, 0, 256, 256)).save(square, quality=90, subsampling=i % 3)
        difference = np.abs(as_board(square, 32, 32).astype(int) - to_input(load(square), 32, 32))
        assert difference.mean() < 2


def test_the_window_of_a_reduced_picture_is_exact(tmp_path):
    # The edges of the window lie inside reduced pixels; a ramp shows where it begins.
    ramp = np.broadcast_to(np.linspace(0, 255, 263).astype(np.uint8)[:, None], (151, 263, 3))
    for rgb in (ramp, ramp.swapaxes(0, 1)):
        Image.fromarray(np.ascontiguousarray(rgb)).save(tmp_path / "ramp.jpg", quality=98)
        difference = as_board(tmp_path / "ramp.jpg", 20, 20).astype(int) - to_input(rgb, 20, 20)
        assert np.abs(difference).mean() < 0.4


def test_raw_rgb_needs_the_size_of_the_input(read, tmp_path):
    rgb = picture(24, 24)
    (tmp_path / "right.rgb").write_bytes(rgb.tobytes())
    (tmp_path / "short.raw").write_bytes(rgb.tobytes()[:-1])
    (tmp_path / "long.raw").write_bytes(rgb.tobytes() + b"\0")
    right, short, long = read([tmp_path / name for name in ("right.rgb", "short.raw", "long.raw")])
    assert right == digest((rgb ^ 128).view(np.int8))
    assert short == [
        "image.truncated",
        "short.raw: raw RGB888 ends after 1,727 of 1,728 bytes: copy it again",
    ]
    assert long == [
        "image.size",
        "long.raw: raw RGB888 of 24x24 pixels has 1,728 bytes, this file 1,729: resize it to the input",
    ]


def test_what_cannot_be_used_is_named(read, tmp_path):
    host = "convert it, or send it with galago classify, which converts"
    rgb = picture(4, 4)
    whole = bmp(rgb)
    cases = {
        "none.jpg": (None, "image.missing", "no such file: check the path"),
        "empty.jpg": (b"", "image.empty", "has 0 bytes: copy it again"),
        "text.jpg": (
            b"Hello, world!",
            "image.format",
            "starts with b'Hello, w', not a known picture format: send JPEG, BMP, PPM or PGM",
        ),
        "one.jpg": (b"\xff", "image.format", None),
        "a.png": (b"\x89PNG\r\n\x1a\n", "image.unsupported", f"the board does not read PNG: {host}"),
        "a.gif": (b"GIF89a...", "image.unsupported", f"the board does not read GIF: {host}"),
        "a.webp": (b"RIFF....WEBP", "image.unsupported", f"the board does not read WebP: {host}"),
        "short.bmp": (whole[:60], "image.truncated", "BMP ends after 60 of 102 bytes: copy it again"),
        "header.bmp": (whole[:20], "image.truncated", "BMP ends after 20 of 54 bytes: copy it again"),
        "palette.bmp": (
            whole[:28] + b"\x08" + whole[29:],
            "image.unsupported",
            f"the board does not read BMP with 8 bits per pixel: {host}",
        ),
        "rle.bmp": (
            whole[:30] + b"\x01" + whole[31:],
            "image.unsupported",
            f"the board does not read BMP with RLE8: {host}",
        ),
        "os2.bmp": (
            whole[:14] + b"\x0c" + whole[15:],
            "image.unsupported",
            f"the board does not read OS/2 BMP: {host}",
        ),
        "huge.bmp": (
            whole[:18] + b"\xff\xff\xff\x7f" + whole[22:],
            "image.size",
            "BMP of 2147483647x4 pixels, a side may have 1 to 16,384: resize it",
        ),
        "flat.bmp": (whole[:18] + bytes(4) + whole[22:], "image.size", None),
        "start.bmp": (whole[:10] + bytes(4) + whole[14:], "image.corrupt", None),
        "text.ppm": (b"P3 1 1 255 1 2 3", "image.unsupported", f"the board does not read text PPM: {host}"),
        "deep.pgm": (
            b"P5 1 1 65535 ab",
            "image.unsupported",
            f"the board does not read PGM with values up to 65,535: {host}",
        ),
        "short.ppm": (b"P6 9 9 255 abc", "image.truncated", "PPM ends after 14 of 254 bytes: copy it again"),
        "words.ppm": (
            b"P6 and so on",
            "image.corrupt",
            "its header has no number at byte 4: convert it again",
        ),
    }
    for name, (content, _, _) in cases.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
    (tmp_path / "folder.jpg").mkdir()
    results = read([tmp_path / name for name in [*cases, "folder.jpg"]])
    assert results.pop() == ["image.missing", "folder.jpg: is a folder: pass the path of a picture"]
    for (name, (_, code, message)), result in zip(cases.items(), results, strict=True):
        assert result[0] == code
        assert message is None or result[1] == f"{name}: {message}"


def _damaged(random, data):
    """Returns a copy of `data` with bytes changed, removed, repeated, zeroed or cut off at the end."""
    data = bytearray(data)
    for _ in range(random.integers(1, 4)):
        at = int(random.integers(2, len(data)))
        if random.random() < 0.5:  # most errors are in the headers
            at = int(random.integers(2, min(len(data), 640)))
        size = int(random.integers(1, 12))
        match random.integers(6):
            case 0 | 1:
                data[at] = int(random.integers(256))
            case 2:
                del data[at : at + size]
            case 3:
                data[at:at] = data[at : at + size]
            case 4:
                data[at : at + size] = bytes(size)
            case 5:
                del data[max(at, len(data) // 2) :]
        if len(data) < 4:
            break
    return bytes(data)


@pytest.mark.slow
def test_damaged_files_give_a_picture_or_an_error(read, tmp_path):
    random = np.random.default_rng(6)
    originals = []
    kinds: list[dict[str, Any]] = [{"subsampling": 2}, {"subsampling": 1, "restart_marker_blocks": 2}]
    kinds.append({"subsampling": 0, "optimize": True})
    for i, options in enumerate(kinds):
        Image.fromarray(picture(40, 52)).save(tmp_path / f"{i}.jpg", quality=60, **options)
        originals.append((tmp_path / f"{i}.jpg").read_bytes())
    Image.fromarray(picture(40, 52)).convert("L").save(tmp_path / "grey.jpg", quality=60)
    originals.append((tmp_path / "grey.jpg").read_bytes())
    originals += [bmp(picture(9, 10)), bmp(picture(9, 10), 32, True), b"P6\n#x\n9 10 255\n" + bytes(270)]
    paths = []
    for i in range(3000):
        paths.append(tmp_path / f"damaged{i}")
        paths[-1].write_bytes(_damaged(random, originals[i % len(originals)]))
    results = read(paths, 12, 12)
    assert len(results) == len(paths)
    codes = [result[0] for result in results if isinstance(result, list)]
    assert all(re.fullmatch(r"image\.\w+", code) for code in codes)
    assert 500 < len(codes) < 2500
    assert {"image.truncated", "image.corrupt", "image.unsupported", "image.size"} <= set(codes)
    assert all("\n" not in result[1] for result in results if isinstance(result, list))


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """JPEGs of 12 and 40 megapixels, and a BMP of 40 megapixels."""
    folder = tmp_path_factory.mktemp("large")
    scene = Image.fromarray(picture(30, 40)).resize((4000, 3000), Image.Resampling.BICUBIC)
    scene.save(folder / "12.jpg", quality=85)
    scene = scene.resize((7304, 5480))
    scene.save(folder / "40.jpg", quality=75)
    scene.save(folder / "40.bmp")
    return folder


@pytest.mark.parametrize("name", ["12.jpg", "40.jpg", "40.bmp"])
def test_large_pictures_fit_a_small_board(read, large, name):
    # Corresponds to 128 KB on a 32-bit board, whose objects are half as large; includes code and buffers.
    (result,) = read([large / name], 96, 96, heap="128wk")
    assert result == digest(as_board(large / name, 96, 96))


def test_rows_that_do_not_fit_are_an_error(micropython, tmp_path):
    (tmp_path / "wide.bmp").write_bytes(bmp(picture(1, 16384), 32))
    printed = micropython(
        """
from mobilenet import GalagoError
from mobilenet.image import Resizer, bmp
resizer, tensor, ballast = Resizer(9, 9, 3, "stretch"), bytearray(243), []
for size in (50000, 10000, 1000):
    try:
        while True:
            ballast.append(bytearray(size))
    except MemoryError:
        ballast[-20000 // size :] = []
try:
    resizer.read(argv[0], tensor)
except GalagoError as error:
    print(error.code, error.message)
""",
        tmp_path / "wide.bmp",
        heap="1M",
    )
    assert printed == "memory.heap wide.bmp: not enough memory to decode it: send a smaller picture\n"


def test_pictures_of_one_size_take_the_memory_of_the_first(micropython, tmp_path):
    for name in ("a.jpg", "b.jpg"):
        Image.fromarray(picture(120, 160, ord(name[0]))).save(tmp_path / name)
    printed = micropython(
        """
import gc
from mobilenet.image import Resizer
resizer, tensor = Resizer(96, 96), bytearray(96 * 96 * 3)
for name in ("a.jpg", "b.jpg", "a.jpg"):
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    resizer.read(argv[0] + "/" + name, tensor)
    print(gc.mem_alloc() - before)
""",
        tmp_path,
    )
    first, *following = map(int, printed.split())
    assert first > 40_000  # with the decoder's code
    assert max(following) < 5_000  # small objects


def test_what_a_picture_left_makes_room_for_the_next(read, tmp_path):
    paths = [tmp_path / "wide.jpg", tmp_path / "wide.bmp"]
    rgb = picture(16, 2000)
    Image.fromarray(rgb).save(paths[0])
    paths[1].write_bytes(bmp(picture(1, 12000), 32))
    expected = [digest(as_board(path, 9, 9, 3, "stretch")) for path in paths]
    assert read(paths * 2, 9, 9, how="stretch", heap="190k") == expected * 2


def test_files_are_read_in_few_pieces(tmp_path):
    # Over `mpremote mount` each read and each seek is a round trip of some milliseconds.
    script = """
import os, sys
from mobilenet.image import Resizer, picture
calls = [0]
class Counted:
    def __init__(self, path, mode):
        self._file = open(path, mode)
        self.close = self._file.close
    def readinto(self, buffer):
        calls[0] += 1
        return self._file.readinto(buffer)
    def seek(self, *where):
        calls[0] += 1
        return self._file.seek(*where)
picture.open = Counted
Resizer(96, 96).read(sys.argv[1], bytearray(96 * 96 * 3))
print(calls[0])
"""
    for name in ("a.jpg", "a.bmp", "a.ppm"):
        path = tmp_path / name
        Image.fromarray(picture(227, 227)).save(path)
        (tmp_path / "script.py").write_text(script)
        done = subprocess.run(
            micropython.command(str(tmp_path / "script.py"), str(path)),
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "MICROPYPATH": str(firmware_dir())},
        )
        assert int(done.stdout) <= path.stat().st_size / 3000 + 3
