# SPDX-License-Identifier: MIT
"""The host reads all formats of Pillow, names what is wrong with other files, and sends what boards read."""

import json
import subprocess
import sys
import warnings
from hashlib import sha256
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image, ImageOps

from galago import pictures
from galago.errors import GalagoError
from support import damaged_pictures

# On the board: opens what was sent, and prints the error if there is one.
OPEN = """
import hashlib, json
from mobilenet import GalagoError
from mobilenet.image import Resizer
for path in argv:
    tensor = bytearray(24 * 24 * 3)
    try:
        Resizer(24, 24).read(path, tensor)
        print(json.dumps(hashlib.sha256(tensor).digest().hex()))
    except GalagoError as error:
        print(json.dumps([error.code, error.message]))
"""


def noise(height: int = 20, width: int = 30, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_lossless_kinds_load_as_they_are(tmp_path: Path) -> None:
    rgb = noise()
    for name in ("a.png", "a.bmp", "a.ppm", "a.tiff"):
        Image.fromarray(rgb).save(tmp_path / name)
        assert (pictures.load(tmp_path / name) == rgb).all()
    Image.fromarray(rgb).save(tmp_path / "a.webp", lossless=True)
    assert (pictures.load(tmp_path / "a.webp") == rgb).all()


def test_grey_palette_and_two_levels_become_rgb(tmp_path: Path) -> None:
    grey = Image.fromarray(noise()).convert("L")
    for mode in ("L", "P", "1"):
        grey.convert(mode).save(tmp_path / "a.png")
        assert (pictures.load(tmp_path / "a.png") == np.asarray(grey.convert(mode).convert("RGB"))).all()


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    deep = np.arange(0, 65536, 64, dtype=np.uint16).reshape(32, 32)
    for name in ("deep.png", "deep.tiff", "deep.pgm"):
        Image.fromarray(deep).save(tmp_path / name)
        loaded = pictures.load(tmp_path / name)
        assert (loaded == (deep >> 8)[..., np.newaxis]).all()


def test_alpha_lies_over_white(tmp_path: Path) -> None:
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0, :, 3] = 0, 128, 255
    Image.fromarray(rgba).save(tmp_path / "a.png")
    assert pictures.load(tmp_path / "a.png")[0, :, 0].tolist() == [255, 127, 0]
    palette = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    palette.putpalette([9, 9, 9, 7, 7, 7])
    palette.save(tmp_path / "p.png", transparency=0)
    assert pictures.load(tmp_path / "p.png")[0].tolist() == [[255] * 3, [7] * 3]


def test_the_first_frame_is_taken(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert (pictures.load(tmp_path / "a.gif") == (255, 0, 0)).all()


def test_cmyk_and_progressive_jpegs_load(tmp_path: Path) -> None:
    smooth = Image.fromarray(noise(3, 3)).resize((60, 50))
    for name, mode, progressive in (("p.jpg", "RGB", True), ("c.jpg", "CMYK", False)):
        smooth.convert(mode).save(tmp_path / name, quality=95, progressive=progressive)
        difference = pictures.load(tmp_path / name).astype(int) - np.asarray(smooth)
        assert np.abs(difference).mean() < 3


@pytest.mark.parametrize("turn", range(1, 9))
def test_pictures_are_turned_upright(tmp_path: Path, turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.fromarray(noise(20, 30)).save(tmp_path / "a.png", exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "a.png")))
    assert np.array_equal(pictures.load(tmp_path / "a.png"), upright)
    assert np.array_equal(pictures.resized(tmp_path / "a.png", *upright.shape[:2]), upright)
    (tmp_path / "sent").mkdir()
    sent = pictures.prepare_upload(tmp_path / "a.png", tmp_path / "sent")
    assert np.array_equal(pictures.load(sent), upright)


def test_a_damaged_orientation_is_ignored(tmp_path: Path) -> None:
    Image.fromarray(noise(20, 30)).save(tmp_path / "a.png", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert pictures.load(tmp_path / "a.png").shape == (20, 30, 3)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("none.jpg", None, "image.missing"),
        ("empty.jpg", b"", "image.empty"),
        ("text.jpg", b"no picture at all", "image.format"),
        ("cut.png", 0.6, "image.truncated"),
        ("cut.jpg", 0.6, "image.truncated"),
        ("cut.bmp", 0.6, "image.truncated"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_named(
    tmp_path: Path, name: str, content: bytes | float | None, code: str
) -> None:
    path = tmp_path / name
    if content is not None and not isinstance(content, bytes):
        Image.fromarray(noise()).save(path)
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * content)])
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(GalagoError, match=f"^{name}: ") as caught:
        pictures.load(path)
    assert caught.value.code == code
    with pytest.raises(GalagoError) as caught:
        pictures.load(tmp_path)
    assert caught.value.code == "image.missing"


def _png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and has no pixels."""
    import struct
    import zlib

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(12000, 12000), (30000, 30000), (20000, 10)])
def test_bombs_and_absurd_sizes_are_refused_unread(tmp_path: Path, size: tuple[int, int]) -> None:
    (tmp_path / "bomb.png").write_bytes(_png_header(*size))
    with pytest.raises(GalagoError, match=r"^bomb.png: ") as caught:
        pictures.load(tmp_path / "bomb.png")
    assert caught.value.code == "image.size"


def test_forty_megapixels_load_without_a_warning(tmp_path: Path) -> None:
    Image.new("RGB", (8000, 5000), (1, 2, 3)).save(tmp_path / "a.bmp")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        resized = pictures.resize(pictures.load(tmp_path / "a.bmp"), 96, 96)
    assert (resized == (1, 2, 3)).all()


def test_postscript_is_not_run(tmp_path: Path) -> None:
    Image.fromarray(noise()).save(tmp_path / "a.eps")
    with pytest.raises(GalagoError) as caught:
        pictures.load(tmp_path / "a.eps")
    assert caught.value.code == "image.unsupported"


def test_the_first_picture_of_a_phones_pair_is_read_at_the_boards_scale(tmp_path: Path, micropython) -> None:
    pair = [Image.fromarray(noise(3, 4, seed)).resize((203, 301)) for seed in (1, 2)]
    pair[0].save(tmp_path / "pair.jpg", "MPO", save_all=True, append_images=pair[1:])
    assert Image.open(tmp_path / "pair.jpg").format == "MPO"
    expected = sha256(pictures.as_board(tmp_path / "pair.jpg", 24, 24).tobytes()).hexdigest()
    assert json.loads(micropython(OPEN, tmp_path / "pair.jpg")) == expected


def test_everything_that_pillow_reads_arrives_on_the_board(tmp_path: Path, micropython) -> None:
    rgb = Image.fromarray(noise(40, 50))
    kinds = {"a.png": "RGB", "p.png": "P", "rgba.png": "RGBA", "a.gif": "P", "a.webp": "RGB", "a.tiff": "RGB"}
    kinds |= {"progressive.jpg": "RGB", "cmyk.jpg": "CMYK", "p.bmp": "P", "1.pbm": "1", "a.jpg": "RGB"}
    kinds |= {"grey.jpg": "L", "a.bmp": "RGB", "a.ppm": "RGB", "a.pgm": "L"}
    for name, mode in kinds.items():
        rgb.convert(mode).save(tmp_path / name, progressive=name.startswith("progressive"))
    paths = sorted(path for path in tmp_path.iterdir() if path.is_file())
    unchanged = {"a.jpg", "grey.jpg", "a.bmp", "a.ppm", "a.pgm"}
    expected = [sha256(pictures.as_board(path, 24, 24).tobytes()).hexdigest() for path in paths]
    for size in ((0, 0), (24, 24)):
        folder = tmp_path / f"sent{size[0]}"
        folder.mkdir()
        sent = [pictures.prepare_upload(path, folder, *size) for path in paths]
        assert [path.name for path in sent] == [path.name for path in paths]
        for path, copy in zip(paths, sent, strict=True):
            assert (path.read_bytes() == copy.read_bytes()) == (path.name in unchanged), path.name
        assert [json.loads(line) for line in micropython(OPEN, *sent).splitlines()] == expected


def test_every_damaged_file_is_refused_or_answered_by_the_board(tmp_path: Path, micropython) -> None:
    folder = tmp_path / "sent"
    folder.mkdir()
    sent, refused = [], []
    dice = Random(7)
    for i in range(400):
        path = tmp_path / f"damaged{i}"
        path.write_bytes(damaged_pictures.picture(dice))
        try:
            sent.append(pictures.prepare_upload(path, folder))
        except GalagoError as error:
            refused.append((path.name, error.code, error.message))
    assert len(refused) > 50
    assert all(code.startswith("image.") for _, code, _ in refused)
    assert all(message.startswith(f"{name}: ") and "\n" not in message for name, _, message in refused)
    answers = [json.loads(line) for line in micropython(OPEN, *sent).splitlines()]
    assert len(answers) == len(sent) > 50
    for path, answer in zip(sent, answers, strict=True):
        assert isinstance(answer, str) or answer[1].startswith(f"{path.name}: ")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV"])
def test_pictures_converted_in_parts_are_those_that_pillow_converts_whole(tmp_path: Path, mode: str) -> None:
    pixels = np.random.default_rng(4).integers(0, 256, (600, 41, 4), np.uint8)
    original = Image.fromarray(pixels).convert(mode if mode != "P" else "RGB")
    if mode == "P":
        original = original.quantize(64)
        original.info["transparency"] = 3
    path = tmp_path / ("picture.tif" if mode not in ("P", "LA", "RGBA") else "picture.png")
    original.convert("RGB" if mode == "HSV" else mode).save(path)
    with Image.open(path) as image:
        whole = image.convert("RGBA") if image.has_transparency_data else image.convert("RGB")
        if whole.mode == "RGBA":
            whole = Image.alpha_composite(Image.new("RGBA", whole.size, "white"), whole).convert("RGB")
        expected = np.asarray(whole)
    assert (pictures.load(path) == expected).all()
    assert (pictures.resized(path, 24, 24) == pictures.resize(expected, 24, 24)).all()


@pytest.mark.slow
@pytest.mark.parametrize(("options", "most"), [({}, 250), ({"progressive": True}, 400)])
def test_large_photos_take_bounded_memory(tmp_path: Path, options: dict, most: int) -> None:
    """In megabytes, of a whole process: Python, numpy and Pillow take 45 of them."""
    Image.new("RGB", (8000, 5000), "red").save(tmp_path / "large.jpg", **options)
    program = (
        "import sys\nfrom galago import pictures\npictures.resized_bmp(sys.argv[1], 96, 96)\n"
        "print(int(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0]) // 1024)"
    )
    used = subprocess.check_output([sys.executable, "-c", program, str(tmp_path / "large.jpg")])
    assert int(used) <= most
