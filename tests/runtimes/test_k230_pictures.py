# SPDX-License-Identifier: MIT
"""Camera, decoder and resize of CanMV on a K230: pictures reach the tensor, and what goes wrong is named."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from runtime_bench import OPEN, Bench, seen

from galago.emulator.camera import EmulatedCamera


@pytest.fixture(scope="module")
def bench(new_bench: Callable[..., AbstractContextManager[Bench]], folder: Path) -> Iterator[Bench]:
    camera = EmulatedCamera(folder)
    with new_bench("canmv_k230", camera=camera, model=None, kind="K230_CANMV", native=True) as bench:
        yield bench


def test_frames_are_new_turned_and_exact(bench: Bench) -> None:
    for settings, channels, steps in (({}, 3, 0), ({"format": "grey"}, 1, 1)):
        got, expected = seen(bench, settings, channels)
        assert abs(got - expected).max() <= steps
        last = bench.camera.captures[-1]
        assert last.exposed == last.number - 1  # during the capture that was discarded
    turned, expected = seen(bench, {"mirror": True, "flip": True})
    assert abs(turned[::-1, ::-1] - expected).max() <= 1
    swapped, expected = seen(bench, {"swap": True})
    assert (swapped[:, :, ::-1] == expected).all()


CASES = (  # what is wrong on the board, how it ends, settings, code, a part of the message
    ("media.sensor.connected = False", "media.sensor.connected = True", {}, "Can not found sensor on 2"),
    ("right = manager.init; manager.init = lambda: None", "manager.init = right", {}, "vicap init failed"),
    ("manager.init()", "", {}, "has been initialized!!! This method"),
    ("other = media.sensor.Sensor(); other.reset()", "other.stop()", {}, "already inited.): check its cable"),
    ("", "", {"frame": "FHD"}, "width(1920), should be 64 - 1280"),
    ("", "", {"format": "rgb565"}, "no format 'rgb565' with size 'QVGA': try rgb888"),
    ("", "", {"frame": "HUGE"}, "no format 'rgb888' with size 'HUGE'"),
)


def test_a_camera_that_does_not_open_says_why(bench: Bench) -> None:
    """It leaves sensor and memory free for the next time."""
    names = "import media.sensor, media.media\nmanager = media.media.MediaManager\n"
    for before, after, settings, words in CASES:
        script = f"{names}{before}\n{OPEN.format(settings=settings, channels=3)}\n{after}"
        ((code, message),) = bench.run(script)
        assert code == ("config.invalid" if "no format" in words else "camera.failed")
        assert words in message
        assert "\n" not in message
    assert bench.run(OPEN.format(settings={}, channels=3) + "eye.close()") == []


def test_a_capture_without_an_image_costs_one_line(bench: Bench) -> None:
    """snapshot() may return what is no image, or raise."""
    first = len(bench.camera.captures) + 1
    bench.camera.faults |= {first: "none", first + 2: "error", first + 3: "short"}
    script = """
for _ in range(4):
    try:
        eye.capture(resizer, tensor)
        print(json.dumps("a frame"))
    except GalagoError as error:
        print(json.dumps([error.code, error.message]))
eye.close()
try:
    eye.capture(resizer, tensor)
except GalagoError as error:
    print(json.dumps(error.code))
"""
    none, error, short, frame, closed = bench.run(OPEN.format(settings={}, channels=3) + script)
    assert none == ["camera.failed", "the camera delivers no frame: check its cable"]
    assert error[0] == short[0] == "camera.failed"
    assert "snapshot chn(0) failed" in short[1]
    assert (frame, closed) == ("a frame", "camera.failed")


PICTURES = """
from mobilenet import GalagoError, camera
from mobilenet.backends.canmv_k230 import _Pictures
class Input:
    height, width, resize = {height}, {width}, "{resize}"
pictures = _Pictures(Input)
def tensor():
    print(json.dumps(list(pictures.tensor.to_numpy().tobytes())))
"""


def by_pillow(rgb: np.ndarray, height: int, width: int, resize: str) -> np.ndarray:
    """Halves while twice the input is left, then interpolates between the centres of pixels."""
    image = Image.fromarray(rgb)
    wide, high = image.size
    if resize == "crop":
        wide, high = min(wide, high * width // height), min(high, wide * height // width)
    left, top = (image.width - wide) // 2, (image.height - high) // 2
    image = image.crop((left, top, left + wide, top + high))
    while image.width >= 2 * width and image.height >= 2 * height:
        image = image.crop((0, 0, image.width // 2 * 2, image.height // 2 * 2)).reduce(2)
    box = (0, 0, image.width, image.height)
    last = image.transform((width, height), Image.Transform.EXTENT, box, Image.Resampling.BILINEAR)
    return np.asarray(last, int)


@pytest.mark.parametrize(
    ("size", "height", "width", "resize"),
    [((161, 121), 24, 32, "crop"), ((90, 141), 30, 30, "crop"), ((150, 70), 30, 48, "stretch")],
)
def test_files_and_rows_become_pixels(
    bench: Bench, tmp_path: Path, size: tuple[int, int], height: int, width: int, resize: str
) -> None:
    coarse = np.random.default_rng(7).integers(0, 256, (9, 12, 3), np.uint8)
    image = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
    image.save(file := tmp_path / "a.ppm")
    bench.board.put(file.read_bytes(), path := f"{bench.board.root}/a.ppm")
    script = PICTURES.format(height=height, width=width, resize=resize)
    script += f"""
for _ in range(2):
    pictures.read({path!r}, None)
    tensor()
with open({path!r}, "rb") as file:
    pixels = file.read()[-{3 * size[0] * size[1]}:]
pictures.begin({size[0]}, {size[1]}, None, None)
for at in range(0, len(pixels), {3 * size[0]}):
    pictures.push(pixels[at : at + {3 * size[0]}])
tensor()
"""
    expected = by_pillow(np.asarray(image), height, width, resize)
    answers = bench.run(script)
    assert len(answers) == 3
    for values in answers:
        assert abs(np.array(values).reshape(height, width, 3) - expected).max() <= 2


def test_frames_become_pixels_and_grey_ones_are_refused(bench: Bench) -> None:
    script = PICTURES.format(height=24, width=32, resize="crop")
    script += """
for settings in ({}, {"swap": True}, {"format": "grey"}):
    eye = camera.open(settings)
    try:
        eye.capture(pictures, None)
        tensor()
    except GalagoError as error:
        print(json.dumps([error.code, error.message]))
    eye.close()
"""
    *values, (code, message) = bench.run(script)
    captures = bench.camera.captures[-5::2]
    for got, capture, order in zip(values, captures, (1, -1), strict=False):
        with Image.open(capture.picture) as image:
            expected = by_pillow(np.asarray(image)[:, :, ::order], 24, 32, "crop")
        assert abs(np.array(got).reshape(24, 32, 3) - expected).max() <= 2
    assert (code, "rgb888" in message) == ("config.invalid", True)


def test_files_that_are_no_pictures_are_named(bench: Bench, tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    Image.new("RGB", (40, 30)).save(tmp_path / "half.jpg")
    half = (tmp_path / "half.jpg").read_bytes()[:400]
    for name, content in (
        ("a.png", (tmp_path / "a.png").read_bytes()),
        ("half.jpg", half),
        ("none.bmp", b""),
    ):
        bench.board.put(content, f"{bench.board.root}/{name}")
    script = PICTURES.format(height=24, width=32, resize="crop")
    script += f"""
for name in ("a.png", "half.jpg", "none.bmp", "absent.jpg"):
    try:
        pictures.read({bench.board.root!r} + "/" + name, None)
        print(json.dumps("a picture"))
    except GalagoError as error:
        print(json.dumps([error.code, error.message]))
"""
    *wrong, absent = bench.run(script)
    for name, (code, message) in zip(("a.png", "half.jpg", "none.bmp"), wrong, strict=True):
        assert code == "image.unsupported"
        assert message == f"{name}: Image format is not supported: send a JPEG, BMP or PPM"
    assert absent[0] == "image.missing"
