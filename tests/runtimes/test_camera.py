# SPDX-License-Identifier: MIT
"""Camera drivers against emulated cameras: kinds of frames, wrong colours, settings."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from runtime_bench import CAPTURE, OPEN, Bench, seen
from typer.testing import CliRunner

from galago import boards, dataset, pictures
from galago.cli import app
from galago.emulator import EmulatedBoard
from galago.emulator.camera import EmulatedCamera
from galago.errors import GalagoError

PINS = {"data": [1] * 8, "vsync": 9, "href": 10, "pclk": 11, "xclk": 12, "sda": 13, "scl": 14}


@pytest.fixture(scope="module")
def esp32(new_bench: Callable[..., AbstractContextManager[Bench]], folder: Path) -> Iterator[Bench]:
    with new_bench("esp32", camera=EmulatedCamera(folder), model=None) as bench:
        yield bench


@pytest.fixture(scope="module")
def lemariva(new_bench: Callable[..., AbstractContextManager[Bench]], folder: Path) -> Iterator[Bench]:
    with new_bench("lemariva", camera=EmulatedCamera(folder), model=None) as bench:
        yield bench


@pytest.fixture(scope="module", params=["openmv", "openmv4"])
def openmv(
    new_bench: Callable[..., AbstractContextManager[Bench]], folder: Path, request: pytest.FixtureRequest
) -> Iterator[Bench]:
    """Firmware with `csi`, and with `sensor`."""
    with new_bench(request.param, camera=EmulatedCamera(folder), model=None) as bench:
        yield bench


@pytest.mark.parametrize(("kind", "steps"), [("rgb565", 8), ("rgb888", 0), ("jpeg", 12)])
def test_every_kind_of_frame_reaches_the_tensor(esp32: Bench, kind: str, steps: int) -> None:
    got, expected = seen(esp32, {"pins": PINS, "format": kind})
    assert abs(got - expected).max() <= steps


def test_frames_of_the_module_of_functions(lemariva: Bench) -> None:
    """Each kind of frame, new ones only, turned or not; a capture without a frame costs one line."""
    for kind, channels, steps in (("rgb565", 3, 8), ("jpeg", 3, 16), ("grey", 1, 1)):
        got, expected = seen(lemariva, {"pins": PINS, "format": kind}, channels)
        assert abs(got - expected).max() <= steps, kind
        last = lemariva.camera.captures[-1]
        assert last.exposed == last.number - 1  # during the capture that was discarded
    turned, expected = seen(lemariva, {"mirror": True, "flip": True})
    assert abs(turned[::-1, ::-1] - expected).max() <= 8
    lemariva.camera.faults[len(lemariva.camera.captures) + 1] = "none"
    script = """
for _ in range(2):
    try:
        eye.capture(resizer, tensor)
        print(json.dumps("a frame"))
    except GalagoError as error:
        print(json.dumps(error.code))
eye.close()
"""
    assert lemariva.run(OPEN.format(settings={}, channels=3) + script) == ["camera.failed", "a frame"]
    for wrong, code in (
        ({"format": "rgb888"}, "config.invalid"),
        ({"frame": "HUGE"}, "config.invalid"),
        ({"clock": 16000000}, "camera.failed"),
    ):
        assert lemariva.run(OPEN.format(settings=wrong, channels=3))[0][0] == code


def test_grey_frames(esp32: Bench, openmv: Bench) -> None:
    for bench, settings in ((esp32, {"pins": PINS, "format": "grey"}), (openmv, {"format": "grey"})):
        got, expected = seen(bench, settings, channels=1)
        assert abs(got - expected).max() <= 1


def test_openmv_frames(openmv: Bench) -> None:
    got, expected = seen(openmv, {})
    assert abs(got - expected).max() <= 8


def test_mirror_flip_and_swap(esp32: Bench, openmv: Bench) -> None:
    for bench, settings in ((esp32, {"pins": PINS}), (openmv, {})):
        plain, _ = seen(bench, settings)
        turned, expected = seen(bench, settings | {"mirror": True, "flip": True})
        assert abs(turned[::-1, ::-1] - expected).max() <= 8
        assert abs(turned - expected).max() > 100
        bench.camera.swap = True
        wrong, expected = seen(bench, settings)
        right, _ = seen(bench, settings | {"swap": True})
        bench.camera.swap = False
        assert abs(wrong[:, :, ::-1] - expected).max() <= 8
        assert abs(right[:, :, :2] - plain[:, :, :2]).max() == 0


def test_a_frame_is_not_copied_whole(esp32: Bench) -> None:
    """150 KB of pixels reach the tensor; little memory is allocated."""
    script = """
eye.capture(resizer, tensor)
gc.collect()
gc.disable()
before = gc.mem_alloc()
eye.capture(resizer, tensor)
print(json.dumps(gc.mem_alloc() - before))
gc.enable()
eye.close()
"""
    (taken,) = esp32.run(OPEN.format(settings={"pins": PINS}, channels=3) + script)
    assert taken < 16_000


def test_without_a_camera_module_the_firmware_is_named(bench: Bench) -> None:
    """The same holds for a requested driver whose module is missing."""
    code, message = bench.run(OPEN.format(settings={"driver": "maixpy"}, channels=3))[0]
    assert code == "camera.missing"
    assert "maixpy" in message


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"driver": "esp32"}, "camera.failed"),
        ({"driver": "esp32", "pins": PINS | {"data": [1]}}, "config.invalid"),
        ({"driver": "esp32", "frame": 6}, "config.invalid"),
        ({"skip": "1"}, "config.invalid"),
        ({"driver": "esp32", "pins": PINS, "format": "cmyk"}, "config.invalid"),
        ({"driver": "esp32", "pins": PINS, "frame": "HUGE"}, "config.invalid"),
        ({"driver": "openmv", "frame": "HUGE"}, "config.invalid"),
    ],
)
def test_wrong_settings_are_told_apart(bench: Bench, settings: dict, code: str) -> None:
    got, message = bench.run(OPEN.format(settings=settings, channels=3))[0]
    assert got == code
    assert "\n" not in message


@pytest.fixture(scope="module")
def openmv4(new_bench: Callable[..., AbstractContextManager[Bench]], folder: Path) -> Iterator[Bench]:
    with new_bench("openmv4", camera=EmulatedCamera(folder), model=None) as bench:
        yield bench


FORGET = "\nimport sys\nsys.modules.pop('mobilenet.camera.openmv', None)\n"


def test_sensor_under_the_name_of_csi(openmv4: Bench) -> None:
    """Firmware 4.6 and 4.7 have a `csi` without the class CSI."""
    alias = f"{FORGET}import sensor\nsys.modules['csi'] = sensor\n"
    script = alias + OPEN.format(settings={}, channels=3) + CAPTURE + "del sys.modules['csi']" + FORGET
    (values,) = openmv4.run(script)
    capture = openmv4.camera.captures[-1]
    expected = pictures.resize(pictures.load(capture.picture), 24, 32, 3).astype(int)
    got = (np.array(values, np.uint8) ^ 128).reshape(24, 32, 3).astype(int)
    assert abs(got - expected).max() <= 8


def test_a_sensor_that_is_not_there_when_its_module_is_imported(openmv4: Bench) -> None:
    """`sensor` looks for the camera when imported, and raises an error other than ImportError."""
    script = """
import builtins, sys
right = builtins.__import__
def absent(name, *rest):
    if name == "sensor":
        raise RuntimeError("Failed to detect the image sensor or image sensor is detached.")
    return right(name, *rest)
builtins.__import__ = absent
"""
    opened = OPEN.format(settings={}, channels=3)
    ((code, message),) = openmv4.run(script + FORGET + opened + "\nbuiltins.__import__ = right" + FORGET)
    assert code == "camera.failed"
    assert "detached" in message


def test_frames_of_sensor_wait_where_there_are_several_buffers(openmv4: Bench) -> None:
    """set_framebuffers(1) prevents it, and a new frame size resets that."""
    settings = "sensor.set_pixformat(sensor.RGB565)\nsensor.set_framesize(sensor.QVGA)\n"
    one = "sensor.set_framebuffers(1)\n"
    for order, late in ((settings, True), (settings + one, False), (one + settings, True)):
        openmv4.run(f"import sensor\nsensor.reset()\n{order}for _ in range(5): sensor.snapshot()")
        last = openmv4.camera.captures[-1]
        assert (last.exposed < last.number) == late


def test_the_window_of_sensor_is_the_middle_of_the_frame(openmv4: Bench) -> None:
    script = """
import sensor
sensor.reset()
sensor.set_pixformat(sensor.GRAYSCALE)
sensor.set_framesize(sensor.QVGA)
sensor.set_windowing((32, 24))
image = sensor.snapshot()
print(json.dumps([image.width(), image.height(), list(image.bytearray())]))
"""
    ((width, height, values),) = openmv4.run(script)
    with Image.open(openmv4.camera.captures[-1].picture) as picture:
        expected = np.asarray(picture.convert("L"))[108:132, 144:176]
    assert (width, height) == (32, 24)
    assert (np.array(values).reshape(24, 32) == expected).all()


def test_frames_of_a_board_become_photos_for_training(tmp_path: Path) -> None:
    y, x = np.mgrid[:240, :320]
    scene = np.stack([x * 255 // 319, y * 255 // 239, np.full_like(x, 60)], 2).astype(np.uint8)
    (tmp_path / "scene").mkdir()
    Image.fromarray(scene).save(tmp_path / "scene" / "1.png")
    for id_, firmware in (
        ("ESP32_GENERIC-SPIRAM", ["esp32"]),
        ("OPENMV_RT1060", None),
        ("SIPEED_MAIX_BIT", None),
    ):
        eye = EmulatedCamera(tmp_path / "scene")
        with EmulatedBoard(boards.load(id_), firmware=firmware, camera=eye) as emulated:
            arguments = ["camera", "--port", emulated.port, "--count", "2", "--save", str(tmp_path / id_)]
            done = CliRunner().invoke(app, [*arguments, "--label", "ramp"])
        assert done.exit_code == 0, (id_, done.output, done.exception)
        assert done.stdout.endswith(f"2 frames, saved in {tmp_path / id_ / 'ramp'}\n")
        saved = dataset.from_subfolders(tmp_path / id_)
        assert [path.name for path in saved.paths] == ["00001.jpg", "00002.jpg"]
        seen = pictures.load(saved.paths[1]).astype(int)
        assert seen.shape == (120, 160, 3)
        assert abs(seen - pictures.resize(scene, 120, 160)).mean() < 6, id_


def test_a_board_without_a_camera_says_so() -> None:
    with EmulatedBoard(boards.load("RPI_PICO"), firmware=[]) as emulated:
        done = CliRunner().invoke(app, ["camera", "--port", emulated.port])
    assert isinstance(done.exception, GalagoError)
    assert done.exception.code == "camera.missing"
    for wrong in (["--size", "1x1"], ["--label", "cup"], ["--save", "/dev/null/x"]):
        error = CliRunner().invoke(app, ["camera", "--port", "/dev/null", *wrong]).exception
        assert isinstance(error, GalagoError)
        assert error.code == "usage"
